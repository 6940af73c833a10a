"""One blob on its way into a store's folder.

In: bytes. Out: a read-only file named by its sha256, or nothing at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from buildkit.digest import Digest
from buildkit.store.blobs import check_expected
from buildkit.store.faults import writing

_BUFFER = 1 << 20


class DiskWriter:
    """Writes below `temporary`, hashes on the way unless that is done, renames to `place(digest)` when committed."""

    def __init__(
        self, root: Path, temporary: Path, place: Callable[[Digest], Path], proven: Digest | None = None
    ) -> None:
        self._root = root
        self._temporary = temporary
        self._place = place
        self._proven = proven
        self._hasher = hashlib.sha256()
        self._size = 0
        with self._faults():
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.discard()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes; returns how many (all)."""
        with self._faults():
            count = self._file.write(data)
        if self._proven is None:
            self._hasher.update(data)
        self._size += count
        return count

    def commit(self, expected: Digest | None = None) -> Digest:
        """Make the blob appear, at once and whole. BuildFailure, and no blob, if it is not the expected one."""
        digest = Digest(self._proven.hex if self._proven else self._hasher.hexdigest(), self._size)
        try:
            check_expected(expected or self._proven, digest)
            with self._faults():
                self._appear(self._place(digest), digest.size)
        finally:
            self.discard()
        return digest

    def discard(self) -> None:
        """Give the blob up, unless it is committed; never fails."""
        with suppress(OSError):  # what cannot be flushed to a full disk was to be thrown away
            self._file.close()
        with suppress(OSError):
            self._temporary.unlink()

    def _appear(self, final: Path, size: int) -> None:
        self._file.flush()
        if size_of(final) == size:
            return
        os.fsync(self._file.fileno())
        os.fchmod(self._file.fileno(), 0o444)
        final.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.replace(final)

    def _faults(self) -> AbstractContextManager[None]:
        return writing("a blob", self._root)


def size_of(path: Path) -> int:
    """A file's size, or -1 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
