"""What a machine keeps of a build cache from build to build, in memory."""

from __future__ import annotations

from buildkit.digest import Key


class Notes(dict[Key, bytes]):
    """Small files by key."""

    def put(self, key: Key, data: bytes) -> None:
        """Keep data under a key."""
        self[key] = data
