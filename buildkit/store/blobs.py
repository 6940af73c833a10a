"""What a blob store promises. `DiskStore` keeps the promise on disk, `MemoryStore` in memory, for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from buildkit.content import Recipe
from buildkit.digest import Digest
from buildkit.errors import BuildFailure

Follower = Callable[[int, Callable[[], BinaryIO]], Callable[[Digest], None]]
"""Hears of a stream whose digest is about to be found: its size in bytes, and a way to read it meanwhile.

What it gives hears the digest, as soon as that is known; of a stream that turned out to be none, nothing more is said.
"""


class BlobWriter(Protocol):
    """A blob that is being written. Used in a `with` block, it leaves nothing behind unless committed."""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes; returns how many (all)."""

    def commit(self, expected: Digest | None = None) -> Digest:
        """Make the blob appear, at once and whole. BuildFailure, and no blob, if it is not the expected one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class BlobStore(Protocol):
    """Bytes by digest. Every method is safe to call from several threads and processes, and idempotent.

    A blob is *stored* (the store's own file), *adopted* (a source file that stays where it is), or a *recipe*.
    """

    @property
    def root(self) -> Path:
        """The store's folder."""

    def has(self, digest: Digest) -> bool:
        """Whether the bytes can be had: stored; or adopted, and a stat still matches; or a recipe with all segments."""

    def open(self, digest: Digest) -> BinaryIO:
        """Read a blob. A stored one is a plain seekable file; others are sequential and verified.

        BuildFailure, with the source file's name, comes before the last wrong byte is handed out; and at once if there
        is no such blob.
        """

    def read(self, digest: Digest) -> bytes:
        """All bytes of a (small) blob."""

    def put(self, data: bytes | Iterable[bytes]) -> Digest:
        """Store bytes."""

    def writer(self, proven: Digest | None = None) -> BlobWriter:
        """Store bytes that come bit by bit. Those of a reader that `proves` this digest itself are not hashed again."""

    def adopt(self, path: Path) -> Digest:
        """The digest of a source file, which the store can open from now on. Reads it only if its stat is new."""

    def known(self, path: Path) -> Digest | None:
        """What `adopt` would say without reading the file, or None if it would have to."""

    def remember(self, path: Path, stat_before: os.stat_result, digest: Digest) -> None:
        """Adopt a file whose digest was computed elsewhere; `stat_before` is from before its first byte was read."""

    def promise(self, path: Path) -> Digest:
        """The digest of a source file, or, where that would take reading a large one, a stand-in with its true size.

        `is_promise` tells them apart. `seal`, `open`, `read`, `has` and `path` take a stand-in like any digest, in this
        object only. Whoever writes digests into a document or a key asks `settled` first, after `seal`.
        """

    def settled(self, digest: Digest) -> Digest:
        """The real digest behind a promise (hashes the file if `seal` has not done so); any other digest as it is."""

    def seal(self, recipe: Recipe) -> Digest:
        """Keep a recipe whose digest is unknown: streams it once. Promised sources are hashed in the same pass."""

    def put_recipe(self, recipe: Recipe, digest: Digest) -> None:
        """Keep a recipe whose digest is known."""

    def recipe(self, digest: Digest) -> Recipe | None:
        """The recipe kept for a digest, or None."""

    def path(self, digest: Digest) -> Path | None:
        """A file that holds these bytes now: stored, or adopted and unchanged. None for recipes. Never write to it."""

    def owned_path(self, digest: Digest) -> Path | None:
        """The stored, read-only file of a blob, which may be hard-linked; or None."""

    def temporary(self) -> AbstractContextManager[Path]:
        """An empty private folder on the store's file system, removed at the end."""


_STAND_IN = "promised-"


def stand_in(number: int, size: int) -> Digest:
    """A digest that is none yet; its hexadecimal is not, so that it can enter neither a key nor a document unseen."""
    return Digest(f"{_STAND_IN}{number}", size)


def is_promise(digest: Digest) -> bool:
    """Whether `BlobStore.promise` gave a stand-in: its file is still to be read."""
    return digest.hex.startswith(_STAND_IN)


def check_expected(expected: Digest | None, found: Digest) -> None:
    """Raise BuildFailure, which shows both, if a written blob is not the one that was expected."""
    if expected not in (None, found):
        assert expected is not None
        raise BuildFailure(
            f"digest mismatch: expected {expected} ({expected.size} bytes), found {found} ({found.size} bytes)"
        )
