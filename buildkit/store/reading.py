"""Streams that check what they hand out.

In: inline bytes and ranges of files, each with what it must prove to be. Out: a sequential reader which raises
BuildFailure, naming the source file, before it hands out the last byte of anything that is not what it was.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.records import dataclass
from buildkit.store.faults import reading
from buildkit.store.stamp import Stamp

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_AGAIN = "build again, so that its new content is taken up"


@dataclass(frozen=True, slots=True)
class FileRange:
    """`length` bytes from `offset` on of a file that holds `blob`.

    A `verified` range is the whole file, and is hashed on its own beside the stream that it is part of. With a `stamp`,
    it is the file's before its first byte and after its last, or the reader raises.
    """

    path: Path
    blob: Digest
    offset: int
    length: int
    verified: bool = False
    stamp: Stamp | None = None


class StoredFile(io.FileIO):
    """A stored blob's file: seekable, and, read from front to end, checked before its last bytes go out.

    `damaged` makes the error, given the digest that was found.
    """

    def __init__(self, path: Path, digest: Digest, damaged: Callable[[Digest], BuildFailure]) -> None:
        super().__init__(path, "rb")
        self._digest = digest
        self._damaged = damaged
        self._hasher = hashlib.sha256()
        self._seen = 0  # bytes hashed, or -1 once somebody went elsewhere

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as may be."""
        count = super().readinto(buffer) or 0
        with memoryview(buffer).cast("B") as view:
            self._check(view[:count])
        return count

    def readall(self) -> bytes:
        """All that is left."""
        data = super().readall() or b""
        self._check(memoryview(data))
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place, after which nothing is checked any more."""
        before = self.tell()
        place = super().seek(offset, whence)
        if place != before:
            self._seen = -1
        return place

    def _check(self, data: memoryview) -> None:
        if self._seen < 0 or not data:
            return
        self._hasher.update(data)
        self._seen += len(data)
        if self._seen == self._digest.size and self._hasher.hexdigest() != self._digest.hex:
            raise self._damaged(Digest(self._hasher.hexdigest(), self._seen))


class SequentialReader(io.RawIOBase):
    """Reads parts one after the other; `expected` is the digest of all, `blame` makes the error if it does not hold."""

    def __init__(
        self,
        parts: Iterable[bytes | FileRange],
        expected: Digest | None = None,
        blame: Callable[[], BuildFailure] | None = None,
    ) -> None:
        super().__init__()
        self._parts = iter(parts)
        self._part: _OpenBytes | _OpenRange | None = None
        self._expected = expected
        self._blame = blame
        self._hasher = hashlib.sha256()
        self._total = 0
        self._failure: BuildError | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as the current part goes; 0 only at the end of everything."""
        with memoryview(buffer).cast("B") as view:
            if self._failure:
                raise self._failure
            try:
                return self._fill(view)
            except BuildError as failure:
                self._failure = failure  # whoever reads on must not mistake it for the end
                raise

    def close(self) -> None:
        """Let go of the file that is being read."""
        if self._part is not None:
            self._part.close()
            self._part = None
        super().close()

    def _fill(self, view: memoryview) -> int:
        if not view or not self._advance():
            return 0
        assert self._part is not None
        count = self._part.readinto(view[: self._part.left])
        self._check(view[:count])
        return count

    def _advance(self) -> bool:
        while self._part is None or not self._part.left:
            if self._part is not None:
                self._part.close()
                self._part = None
            following = next(self._parts, None)
            if following is None:
                return False
            self._part = _OpenBytes(following) if isinstance(following, bytes) else _OpenRange(following)
        return True

    def _check(self, data: memoryview) -> None:
        if self._expected is None:
            return
        self._hasher.update(data)
        self._total += len(data)
        if self._total == self._expected.size and self._hasher.hexdigest() != self._expected.hex:
            assert self._blame is not None
            raise self._blame()


class _OpenBytes:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    @property
    def left(self) -> int:
        return len(self._data)

    def readinto(self, view: memoryview) -> int:
        count = min(len(view), len(self._data))
        view[:count] = self._data[:count]
        self._data = self._data[count:]
        return count

    def close(self) -> None:
        self._data.release()


class _OpenRange:
    def __init__(self, part: FileRange) -> None:
        self._part = part
        self._hasher = hashlib.sha256() if part.verified else None
        self.left = part.length
        with reading(part.path):
            self._descriptor = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
            os.lseek(self._descriptor, part.offset, os.SEEK_SET)
        try:
            self._check_size()
            if not part.length:
                self._check_end()
        except BaseException:
            self.close()
            raise

    def readinto(self, view: memoryview) -> int:
        with reading(self._part.path):
            count = os.readv(self._descriptor, [view])
        if not count:
            self._check_size()
            raise changed(self._part.path, self._part.blob, "fewer bytes")
        if self._hasher:
            self._hasher.update(view[:count])
        self.left -= count
        if not self.left:
            self._check_end()
        return count

    def close(self) -> None:
        os.close(self._descriptor)

    def _check_size(self) -> None:
        found = Stamp.of(os.fstat(self._descriptor))
        if found.size != self._part.blob.size:
            raise changed(self._part.path, self._part.blob, f"{found.size} bytes")
        if self._part.stamp not in (None, found):
            raise changed(self._part.path, self._part.blob, "other bytes")

    def _check_end(self) -> None:
        """Before the range's last bytes go out, see that it is still the file that was believed in."""
        self._check_size()
        if self._hasher and self._hasher.hexdigest() != self._part.blob.hex:
            raise changed(self._part.path, self._part.blob, f"sha256:{self._hasher.hexdigest()}")


class ProvingReader(io.BufferedReader):
    """A buffered reader whose raw stream raises before it hands out the last byte of anything but `proves`.

    Who reads all of it from front to end, and wants to know no more, need not hash it a second time.
    """

    def __init__(self, raw: io.RawIOBase, proves: Digest, buffer_size: int) -> None:
        super().__init__(raw, buffer_size)
        self.proves = proves


def changed(path: Path, expected: Digest, found: str) -> BuildFailure:
    """The failure of a source file that no longer holds what it was adopted for."""
    return BuildFailure(
        f"source file '{path}' has changed: expected {expected} ({expected.size} bytes), found {found}", hint=_AGAIN
    )


def gone(path: Path, expected: Digest) -> BuildFailure:
    """The failure of a source file that was adopted and is no more."""
    return BuildFailure(
        f"source file '{path}' is gone: it held {expected} ({expected.size} bytes)", hint="put it back, or build again"
    )
