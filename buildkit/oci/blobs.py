"""Blobs of any origin as streams: whole and verified, or a part; and a layer's bytes as a file that can be sought in.

In: how to open a blob, or a part of it. Out: `Verified`, which raises before the last byte of a wrong blob goes out;
`Parts`, a file over `OpenPart` that fetches what is looked at; `Passing`, one over a stream, which only goes on.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.oci.compression import Readable
from buildkit.oci.descriptor import Descriptor, stays_where_it_is

OpenBlob = Callable[[Digest], AbstractContextManager[Readable]]
LARGEST_DOCUMENT = 4 << 20  # bytes of a manifest, an index or a config; registries refuse larger ones
_FIRST = 16 << 10  # bytes that are fetched after a jump; doubled as long as reading goes on from there
_MOST = 4 << 20


class OpenPart(Protocol):
    """Opens a blob, or `length` bytes of it from `offset` on. Whole reads are verified, parts cannot be."""

    def __call__(
        self, digest: Digest, /, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Readable]:
        """A reader, for one pass; BuildFailure where there is no such blob."""
        ...


class Verified:
    """A reader that hands out a blob's bytes and nothing else; `what` names it in the BuildFailure."""

    def __init__(self, source: Readable, digest: Digest, what: str) -> None:
        self._source = source
        self._digest = digest
        self._what = what
        self._hasher = hashlib.sha256()
        self._seen = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        left = self._digest.size - self._seen
        data = self._source.read(left if size < 0 else min(size, left)) if left else b""
        self._seen += len(data)
        self._hasher.update(data)
        if not data and left and size:
            raise BuildFailure(f"{self._what} is damaged: it ends {left} bytes early")
        if self._seen == self._digest.size and self._hasher.hexdigest() != self._digest.hex:
            raise BuildFailure(f"{self._what} is damaged: found sha256:{self._hasher.hexdigest()}")
        return data


class Limited:
    """The next `length` bytes of a reader."""

    def __init__(self, source: Readable, length: int) -> None:
        self._source = source
        self._left = length

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        data = self._source.read(self._left if size < 0 else min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data


def bounded(data: bytes, what: str) -> bytes:
    """A document that was made. Raises BuildFailure for one that registries, and mbuild itself, would not take back."""
    if len(data) > LARGEST_DOCUMENT:
        raise BuildFailure(
            f"the {what} has {len(data)} bytes, more than the {LARGEST_DOCUMENT} that registries take",
            hint="shorten its labels and annotations",
        )
    return data


def read_document(digest: Digest, open_blob: OpenBlob, what: str) -> bytes:
    """All bytes of a small blob, checked. BuildFailure, which names it as `what`, for a large or a damaged one."""
    if digest.size > LARGEST_DOCUMENT:
        raise BuildFailure(
            f"{what} {digest} has {digest.size} bytes, more than the {LARGEST_DOCUMENT} that mbuild reads"
        )
    data = bytearray()
    with open_blob(digest) as source:
        while chunk := source.read(digest.size + 1 - len(data)):
            data += chunk
            if len(data) > digest.size:
                break
    found = Digest.of(bytes(data))
    if found != digest:
        raise BuildFailure(f"{what} {digest} is damaged: found {found}, {found.size} bytes, expected {digest.size}")
    return bytes(data)


def is_at_hand(layer: Descriptor, open_blob: OpenBlob) -> bool:
    """Whether a layer can be read. One that stays at its URLs may lie beside the others nevertheless."""
    if not stays_where_it_is(layer.media_type):
        return True
    try:
        with open_blob(layer.digest) as source:
            source.read(1)  # a registry is asked no sooner
            return True
    except (BuildFailure, EnvironmentFault):  # a folder without it, a registry without it
        return False


def check_at_hand(layer: Descriptor, open_blob: OpenBlob) -> None:
    """Raise BuildFailure for a layer that stays where it is, and is nowhere else."""
    if not is_at_hand(layer, open_blob):
        raise BuildFailure(
            f"layer {layer.digest} stays at its URLs: its media type is {layer.media_type!r}, and images are handed on "
            "without such layers",
            hint="mbuild fetches nothing from there; 'mbuild copy' to a registry or an OCI layout works without it",
        )


class Parts(io.RawIOBase):
    """A blob as a seekable file: what is read is fetched, with some bytes ahead; what is passed over is not."""

    def __init__(self, digest: Digest, open_blob: OpenPart) -> None:
        super().__init__()
        self._digest = digest
        self._open = open_blob
        self._position = 0
        self._start = 0  # of the bytes at hand
        self._held = b""
        self._ahead = _FIRST

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere; nothing is fetched for it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._digest.size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """All `size` bytes, unless the blob ends before."""
        left = max(self._digest.size - self._position, 0)
        wanted = left if size < 0 else min(size, left)
        out = bytearray()
        while len(out) < wanted:
            begin = self._position - self._start
            if not 0 <= begin < len(self._held):
                self._fetch(wanted - len(out))
                begin = 0
            piece = self._held[begin : begin + wanted - len(out)]
            out += piece
            self._position += len(piece)
        return bytes(out)

    def _fetch(self, wanted: int) -> None:
        near = self._start <= self._position <= self._start + len(self._held) + _FIRST and self._held
        self._ahead = min(self._ahead * 2, _MOST) if near else _FIRST
        length = min(max(min(wanted, _MOST), self._ahead), self._digest.size - self._position)
        found = bytearray()
        with self._open(self._digest, offset=self._position, length=length) as source:
            while len(found) < length and (chunk := source.read(length - len(found))):
                found += chunk
        if len(found) < length:
            raise BuildFailure(f"blob {self._digest} is damaged: it ends at byte {self._position + len(found)}")
        self._start, self._held = self._position, bytes(found)


class Passing(io.RawIOBase):
    """A stream of chunks as a file that can be sought in, onwards only; its end is unknown until it is there.

    What seeks to the end is told `UNKNOWN`. Passing over more than is left is damage, which `what` names. Nothing is
    kept, so that any length will do: how far compressed bytes may unfold is `decompressed`'s to tell.
    """

    UNKNOWN = 1 << 62

    def __init__(self, chunks: Iterator[bytes], what: str) -> None:
        super().__init__()
        self._chunks = chunks
        self._what = what
        self._position = 0
        self._held = b""
        self._begin = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on to a later place."""
        if whence == os.SEEK_END:
            return self.UNKNOWN
        wanted = offset if whence == os.SEEK_SET else self._position + offset
        if wanted < self._position:
            raise io.UnsupportedOperation("a stream does not go back")
        while self._position < wanted:
            if not self._more():
                raise BuildFailure(f"{self._what} is damaged: it ends {wanted - self._position} bytes early")
            step = min(wanted - self._position, len(self._held) - self._begin)
            self._begin += step
            self._position += step
        return wanted

    def read(self, size: int = -1, /) -> bytes:
        """All `size` bytes, unless the stream ends before."""
        out = bytearray()
        while (size < 0 or len(out) < size) and self._more():
            end = len(self._held) if size < 0 else self._begin + size - len(out)
            piece = self._held[self._begin : end]
            out += piece
            self._begin += len(piece)
            self._position += len(piece)
        return bytes(out)

    def _more(self) -> bool:
        while self._begin >= len(self._held):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._held, self._begin = chunk, 0
        return True
