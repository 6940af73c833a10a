"""gzip whose bytes depend on the data alone: blocks of one size, each compressed by itself, in several threads.

In: chunks of a tar and their total size. Out, in one pass: one gzip member (RFC 1952), and the uncompressed stream's
digest.

The header is our own: no name, no time, no system. Blocks know nothing of each other and end on a byte, so neither the
number of threads nor the size of chunks changes a byte. The library is zlib-ng, pinned exactly: the interpreter's zlib
differs from one distribution to the next, and ISA-L's bytes from one processor to the next.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from zlib_ng import zlib_ng

from buildkit.errors import EnvironmentFault, InternalError
from buildkit.oci.sink import Sink, compressing_threads

LEVEL = 5
LIBRARY = (2, 3, 3)
BLOCK = 1 << 20
VERSION = f"zlib-ng-{'.'.join(map(str, LIBRARY))}-{LEVEL}-blocks-of-{BLOCK}"

HEADER = b"\x1f\x8b\x08\x00\0\0\0\0\x00\xff"  # deflate; no flags, no time; no hint; made on no known system
END = b"\x03\x00"  # an empty last block


def gzip(chunks: Iterable[bytes], size: int, sink: Sink, workers: int = 0) -> str:
    """Compress `size` bytes of chunks into `sink`; gives the diff id: `sha256:` and the hash of what went in."""
    check_library()
    hasher = hashlib.sha256()
    crc = passed = 0
    pending: deque[Future[bytes]] = deque()
    sink(HEADER)
    with compressing_threads(workers) as count, ThreadPoolExecutor(count, "gzip") as threads:
        for block in _blocks(chunks):
            pending.append(threads.submit(deflated, block))
            hasher.update(block)
            crc = zlib_ng.crc32(block, crc)
            passed += len(block)
            if len(pending) > 2 * count:
                sink(pending.popleft().result())
        while pending:
            sink(pending.popleft().result())
    if passed != size:
        raise InternalError(f"a layer of {passed} bytes was announced with {size}")
    sink(END + ending(crc, size))
    return f"sha256:{hasher.hexdigest()}"


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        while len(rest) >= BLOCK:
            yield bytes(rest[:BLOCK])
            del rest[:BLOCK]
    if rest:
        yield bytes(rest)


def ending(crc: int, size: int) -> bytes:
    """What stands after a member's deflate stream: the CRC-32 and the size of what it holds."""
    return crc.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")


def deflated(block: bytes) -> bytes:
    """Deflate blocks that refer to nothing before them, end on a byte and are not a stream's last."""
    compressor = zlib_ng.compressobj(LEVEL, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib_ng.Z_SYNC_FLUSH)


@cache
def check_library() -> None:
    """Raise EnvironmentFault unless zlib-ng is the one whose bytes digests depend on."""
    # A distribution may link the package to its own zlib-ng: other bytes, so other digests.
    found, expected = str(zlib_ng.ZLIBNG_RUNTIME_VERSION), ".".join(map(str, LIBRARY))
    if found != expected:
        raise EnvironmentFault(
            f"the zlib-ng package brings zlib-ng {found}, expected {expected}",
            hint="install mbuild with the zlib-ng wheel that it pins; layers' digests depend on it",
        )
