"""A layer's bytes → the members of its tar, whatever it is compressed with.

In: a stream, plain, gzip or zstd, told by its first bytes. Out: an open archive. Raises BuildFailure for damage that
`tarfile` takes for the archive's end, for headers that would fill the memory or lead backwards, and for streams that
unfold beyond all measure.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Protocol, cast

from buildkit.content import is_bomb
from buildkit.errors import BuildFailure

LONGEST_HEADER = 1 << 20  # of a long name or of PAX records, which are read at once


class Readable(Protocol):
    """What bytes can be read from, front to end."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""


# What tarfile says where an archive really ends.
_ENDS = ("empty header", "end of file header")

_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Member(tarfile.TarInfo):
    """A member whose damaged header is an error; `tarfile` alone takes it for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        """Read a header."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if str(error) in _ENDS:
                raise
            raise tarfile.ReadError(str(error)) from None
        if member.size < 0 or (member.type in _EXTENSIONS and member.size > LONGEST_HEADER):
            raise tarfile.ReadError(f"a header claims {member.size} bytes")
        return member


@contextmanager
def opened(stream: BinaryIO, *, seekable: bool) -> Iterator[tarfile.TarFile]:
    """The archive in a stream. `seekable` ones must be plain."""
    if seekable:
        with tarfile.open(fileobj=stream, mode="r:", errors="strict", tarinfo=_Member) as archive:
            yield archive
        return
    with (
        _decompressed(stream) as plain,
        tarfile.open(fileobj=cast(IO[bytes], plain), mode="r|", errors="strict", tarinfo=_Member) as archive,
    ):
        yield archive


@contextmanager
def _decompressed(stream: BinaryIO) -> Iterator[Readable]:
    head = stream.read(6)
    whole = _Rejoined(head, stream)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        try:
            with zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], whole), read_across_frames=True) as reader:
                yield _Measured(reader, whole)
        except zstandard.ZstdError as error:
            raise BuildFailure(f"damaged layer: {error}") from error
    elif head.startswith(b"\x1f\x8b"):
        import gzip
        import zlib

        try:
            with gzip.GzipFile(fileobj=cast(IO[bytes], whole)) as unzipped:
                yield _Measured(cast(IO[bytes], unzipped), whole)
        except (zlib.error, gzip.BadGzipFile) as error:
            raise BuildFailure(f"damaged layer: {error}") from error
    else:
        yield whole


class _Rejoined:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest
        self.passed = 0

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            data, self._head = self._head + self._rest.read(), b""
        elif self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._rest.read(size)
        self.passed += len(data)
        return data


class _Measured:
    """A decompressed stream that ends as a failure where it grows beyond all measure."""

    def __init__(self, stream: Readable, packed: _Rejoined) -> None:
        self._stream, self._packed, self._passed = stream, packed, 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._passed += len(data)
        if is_bomb(self._packed.passed, self._passed):
            raise BuildFailure(
                f"damaged layer: {self._packed.passed} bytes of it unfold to {self._passed} and more: this is a bomb"
            )
        return data
