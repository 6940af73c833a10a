"""Which entries of a build cache were seen or written there lately, by this machine.

In: entries' keys. Out: whether to ask for them again: a build that makes nothing new asks the registry nothing, and
what the registry has dropped meanwhile is found out some hours later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from buildkit.digest import Key
from buildkit.records import dataclass
from buildkit.reference import Reference

LATELY = 6 * 3600  # seconds
_CLOSED = "closed"


class Files(Protocol):
    """Small files by key, such as `SpareFiles`."""

    def get(self, key: Key) -> bytes | None:
        """What was put under the key, or None."""

    def put(self, key: Key, data: bytes) -> None:
        """Keep data under a key."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the cache at `place`: a small file for each entry, which says when it was seen."""

    files: Files
    place: Reference
    now: Callable[[], float] = time.time

    def has(self, key: Key) -> bool:
        """Whether the entry was there lately."""
        return self._lately(key.hex)

    def note(self, key: Key) -> None:
        """The entry is there now."""
        self._note(key.hex)

    @property
    def closed(self) -> bool:
        """Whether the cache lately took nothing from us."""
        return self._lately(_CLOSED)

    def close(self) -> None:
        """The cache takes nothing from us now."""
        self._note(_CLOSED)

    def _lately(self, name: str) -> bool:
        seen = self.files.get(self._key(name))
        return seen is not None and seen.isdigit() and 0 <= self.now() - int(seen) < LATELY

    def _note(self, name: str) -> None:
        self.files.put(self._key(name), str(int(self.now())).encode())

    def _key(self, name: str) -> Key:
        return Key.of("shared", str(self.place), name)
