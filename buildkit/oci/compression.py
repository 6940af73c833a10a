"""Compressors whose bytes are part of digests, and readers of whatever others compressed.

In: chunks of a tar and their total size. Out, in one pass: the stream as it ships, and the uncompressed stream's
digest. `COMPRESSORS` has them by the names that users write.

zstd's output depends on whether it has worker threads but not on how many; and on the size it is told beforehand. So
there is always at least one worker, and the size is always pledged. The library is pinned exactly, and `VERSION`
says what any change of it changes.
"""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Protocol

import zstandard

from buildkit.content import is_bomb
from buildkit.errors import BuildFailure, EnvironmentFault, InternalError
from buildkit.oci import gzip_blocks
from buildkit.oci.descriptor import LAYER_GZIP, LAYER_ZSTD
from buildkit.oci.sink import Sink, compressing_threads
from buildkit.records import dataclass

LEVEL = 3
LIBRARY = (1, 5, 7)
VERSION = f"zstd-{'.'.join(map(str, LIBRARY))}-{LEVEL}-checksum-workers"
CHUNK = 1 << 20
_MAGIC = 6  # bytes that tell formats apart
_XZ_MEMORY = 1 << 28  # a stream may ask for 4 GiB; `xz -9` needs 65 MiB
_STEP = 1 << 11  # zstd makes up to 32768 bytes of one: what a decoder gets at once bounds the memory that a bomb takes

# Chunks, their total size, where the result goes → the diff id.
Compress = Callable[[Iterable[bytes], int, Sink], str]


@dataclass(frozen=True, slots=True)
class Compressor:
    """One way to compress: its function, the media type of what it makes, all that its bytes depend on but the data."""

    compress: Compress
    media_type: str
    version: str


class Readable(Protocol):
    """What bytes can be read from, front to end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def zstd(chunks: Iterable[bytes], size: int, sink: Sink, workers: int = 0) -> str:
    """Compress `size` bytes of chunks into `sink`; gives the diff id: `sha256:` and the hash of what went in."""
    _check_library()
    hasher = hashlib.sha256()
    passed = 0
    with compressing_threads(workers) as threads, _compressor(threads) as compressor:
        stream = compressor.compressobj(size=size)
        for chunk in chunks:
            passed += len(chunk)
            hasher.update(chunk)
            _pass(stream.compress(chunk), sink)
        if passed != size:
            raise InternalError(f"a layer of {passed} bytes was announced with {size}")
        _pass(stream.flush(), sink)
    return f"sha256:{hasher.hexdigest()}"


_idle: dict[int, list[zstandard.ZstdCompressor]] = {}


@contextmanager
def _compressor(threads: int) -> Iterator[zstandard.ZstdCompressor]:
    """A compressor for one stream; one that has done another before, if possible: its buffers' pages are dear."""
    idle = _idle.setdefault(threads, [])
    try:
        compressor = idle.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(LEVEL, threads=threads, write_checksum=True, write_content_size=True)
    yield compressor
    idle.append(compressor)  # not after an error: a stream that broke off is nobody's beginning


def _pass(data: bytes, sink: Sink) -> None:
    if data:
        sink(data)


@cache
def _check_library() -> None:
    # A distribution may link python-zstandard to its own libzstd: other bytes, so other digests.
    if zstandard.ZSTD_VERSION != LIBRARY:
        found = ".".join(map(str, zstandard.ZSTD_VERSION))
        raise EnvironmentFault(
            f"the zstandard package brings zstd {found}, expected {'.'.join(map(str, LIBRARY))}",
            hint="install mbuild with the zstandard wheel that it pins; layers' digests depend on it",
        )


COMPRESSORS: Mapping[str, Compressor] = {
    "gzip": Compressor(gzip_blocks.gzip, LAYER_GZIP, gzip_blocks.VERSION),
    "zstd": Compressor(zstd, LAYER_ZSTD, VERSION),
}


def decompressed(source: Readable, what: str) -> Iterator[bytes]:
    """The content of a gzip, xz, zstd or plain stream, told apart by its first bytes.

    Raises BuildFailure, which names `what`, for a damaged or truncated stream.
    """
    head = source.read(CHUNK)
    while 0 < len(head) < _MAGIC and (more := source.read(CHUNK)):
        head += more  # a network brings as few bytes as it likes
    chunks = _chunks(head, source)
    if head[:2] == b"\x1f\x8b":
        return _drained(_steps(chunks), what, lambda: zlib.decompressobj(31))
    if head[:6] == b"\xfd7zXZ\0":
        return _drained(_steps(chunks), what, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY))
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return _drained(_steps(chunks), what, lambda: zstandard.ZstdDecompressor().decompressobj())
    return chunks


def _chunks(head: bytes, source: Readable) -> Iterator[bytes]:
    while head:
        yield head
        head = source.read(CHUNK)


def _steps(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _STEP):
            yield chunk[start : start + _STEP]


def _drained(rest: Iterator[bytes], what: str, start: Callable[[], _Decoder]) -> Iterator[bytes]:
    decoder = start()
    pending = next(rest)
    fed = made = 0
    try:
        while pending:
            data = decoder.decompress(pending)
            fed, made = fed + len(pending), made + len(data)
            if is_bomb(fed, made):
                raise BuildFailure(f"{what} is a bomb: {fed} bytes of it unfold to {made} and more")
            if data:
                yield data
            if decoder.eof:
                # Streams may follow one another, as parallel compressors write them.
                pending = decoder.unused_data or next(rest, b"")
                decoder = start() if pending else decoder
            else:
                pending = next(rest, b"")
    except (zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise BuildFailure(f"{what} is damaged: {error}") from None
    if not decoder.eof:
        raise BuildFailure(f"{what} is damaged: its compressed stream ends early")
