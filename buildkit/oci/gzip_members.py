"""gzip around deflate streams that are there already, so that nothing is compressed a second time.

In: chunks of a tar and their total size; the files among them come as `Deflated`, with the stream that their archive
holds. Out, in one pass: a gzip file of one member for each such file (RFC 1952, 2.2), and the uncompressed stream's
digest.

A member begins with what stands before the file, as blocks of ours that end on a byte; the file's own stream, whose
blocks refer to nothing before it (RFC 1951, 2), is the rest of it. Of what stands between files, tar headers mostly,
only runs of zeros are made short: compressing them well would take longer than sending the few bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache

from zlib_ng import zlib_ng

from buildkit.errors import InternalError
from buildkit.oci.gzip_blocks import BLOCK, END, HEADER, check_library, deflated, ending
from buildkit.oci.sink import Sink
from buildkit.records import dataclass

_BATCH = 1 << 18
_SHORT = 1 << 13  # what is longer is no header, and compressed
_ZEROS = re.compile(rb"\0{20,}")


@dataclass(slots=True)
class Deflated:
    """Bytes of a file, and those of its deflate stream that its archive has for them.

    A file's parts follow one another; the stream is whole with the one that is `last`.
    """

    data: bytes
    packed: bytes
    last: bool

    def __len__(self) -> int:
        return len(self.data)


Chunk = bytes | Deflated


def data_of(chunk: Chunk) -> bytes:
    """The bytes themselves."""
    return chunk.data if isinstance(chunk, Deflated) else chunk


def gzip(chunks: Iterable[Chunk], size: int, sink: Sink) -> str:
    """Write `size` bytes of chunks to `sink`; gives the diff id: `sha256:` and the hash of what went in."""
    check_library()
    members = _Members(sink)
    for chunk in chunks:
        if isinstance(chunk, Deflated):
            members.add_deflated(chunk)
        else:
            members.add(chunk)
    diff_id, passed = members.finish()
    if passed != size:
        raise InternalError(f"a layer of {passed} bytes was announced with {size}")
    return diff_id


class _Members:
    """The members so far: `_plain` waits for its file, `_ready` and `_raw` for there being enough of them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hasher = hashlib.sha256()
        self._plain = bytearray()
        self._raw: list[bytes] = []
        self._ready: list[bytes] = []
        self._waiting = self._passed = 0
        self._crc = self._length = 0  # of the open member
        self._open = self._long = False  # whether there is an open member; whether it has begun with whole blocks

    def add(self, data: bytes) -> None:
        """Bytes that nobody has compressed."""
        self._plain += data
        self._take(data)
        while len(self._plain) >= BLOCK:
            self._put(bytes(self._plain[:BLOCK]))
            del self._plain[:BLOCK]
            self._long = True

    def add_deflated(self, part: Deflated) -> None:
        """The next part of a file; its member ends with the last one."""
        self._put_plain()
        self._crc = zlib_ng.crc32(part.data, self._crc)
        self._length += len(part.data)
        self._ready.append(part.packed)
        if part.last:
            self._close()
        self._take(part.data)

    def finish(self) -> tuple[str, int]:
        """Write what is left; gives the diff id and how many bytes went in."""
        if self._plain or self._open or not self._passed:
            self._put_plain()
            self._ready.append(END)
            self._close()
        self._flush()
        return f"sha256:{self._hasher.hexdigest()}", self._passed

    def _take(self, data: bytes) -> None:
        self._raw.append(data)
        self._passed += len(data)
        self._waiting += len(data)
        if self._waiting >= _BATCH:
            self._flush()

    def _put_plain(self) -> None:
        self._put(bytes(self._plain))
        self._plain.clear()
        self._long = False

    def _put(self, data: bytes) -> None:
        if not self._open:
            self._ready.append(HEADER)
            self._open = True
        self._crc = zlib_ng.crc32(data, self._crc)
        self._length += len(data)
        if len(data) > _SHORT or (data and self._long):
            self._ready.append(deflated(data))
        else:
            self._ready.extend(_blocks(data))

    def _close(self) -> None:
        self._ready.append(ending(self._crc, self._length))
        self._crc = self._length = 0
        self._open = False

    def _flush(self) -> None:
        # One call for many small files: hashing and writing leave Python's lock, which is dear to get back.
        self._hasher.update(b"".join(self._raw))
        if ready := b"".join(self._ready):
            self._sink(ready)
        self._raw.clear()
        self._ready.clear()
        self._waiting = 0


def _blocks(data: bytes) -> Iterator[bytes]:
    """Deflate blocks of little data that end on a byte, of which none is a stream's last."""
    at = 0
    for run in _ZEROS.finditer(data):
        yield from _stored(data[at : run.start()])
        yield _zeros(run.end() - run.start())
        at = run.end()
    yield from _stored(data[at:])


def _stored(data: bytes) -> tuple[bytes, ...]:
    """A block as it is (RFC 1951, 3.2.4): its length, the length's complement, the bytes."""
    return (b"\0", len(data).to_bytes(2, "little"), (len(data) ^ 0xFFFF).to_bytes(2, "little"), data) if data else ()


@cache
def _zeros(count: int) -> bytes:
    return deflated(bytes(count))
