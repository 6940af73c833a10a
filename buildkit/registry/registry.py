"""What a push asks of a registry.

In: a repository's name and bytes with their digests. Out: the registry holds them, or an `EnvironmentFault` says why
not. `OrasRegistry` speaks the distribution specification; `MemoryRegistry` is the one that tests use.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from buildkit.digest import Digest


class Reader(Protocol):
    """Bytes in order, as a blob store opens them."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


OpenBlob = Callable[[], AbstractContextManager[Reader]]
"""Opens a blob from its beginning, as often as it is called: an upload that broke off can begin again."""

Moved = Callable[[int], None]
"""Hears how many bytes have been sent so far; what it raises ends the upload."""


class Registry(Protocol):
    """One registry host. Every method may be called from several threads at once, and again after it failed."""

    def has(self, repository: str, digest: Digest) -> bool:
        """Whether the repository holds a blob."""
        ...

    def push_blob(self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved) -> None:
        """Send a blob; verified on the way, in the memory of one chunk. Nothing is kept of an upload that failed."""
        ...

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> None:
        """Store a manifest's very bytes under a tag, or under their own digest."""
        ...
