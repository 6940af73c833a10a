"""A layer's bytes → its diff id, and all that is wrong with it.

In: a descriptor and how to open blobs. Out: `sha256:…` of the uncompressed tar ('' where it cannot be told), messages.
One pass, in the memory of its paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from buildkit.errors import BuildFailure
from buildkit.images.facts import compression_of
from buildkit.images.merged import OPAQUE
from buildkit.images.walk import MOST_MEMBERS, is_unsafe
from buildkit.oci.blobs import OpenPart, Passing
from buildkit.oci.compression import Readable, decompressed
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.each_once import plain_path, told_twice
from buildkit.oci.tar_reader import Member, Type, members

_MOST = 20  # faults of one kind that are told of a layer
_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_CHUNK = 1 << 20


def layer_faults(layer: Descriptor, open_blob: OpenPart) -> tuple[str, list[str]]:
    """Read a layer whole."""
    faults: list[str] = []
    compression = compression_of(layer.media_type)
    if not compression and not layer.media_type.endswith(".raw"):
        faults.append(f"want the media type of a layer, got '{layer.media_type}'")
    try:
        with open_blob(layer.digest) as source:
            return _read(layer, _Counted(source), compression, faults), faults
    except BuildFailure as failure:
        return "", [*faults, failure.message]


def _read(layer: Descriptor, source: _Counted, compression: str, faults: list[str]) -> str:
    what = f"layer {layer.digest}"
    hasher = hashlib.sha256()
    whole, packed = True, False
    if not compression:
        source.drain()
    else:
        found = _compression(source)
        if found != compression:
            faults.append(f"want compression '{compression}', as the media type says, got '{found}'")
        chunks = decompressed(source, what)
        packed = found != "none"  # else the digest is the diff id, and one hash is enough
        chunks = _hashed(chunks, hasher) if packed else chunks
        stream = Passing(chunks, what)
        try:
            for message in tar_faults(members(cast(BinaryIO, stream), what)):
                faults.append(message)
            while stream.read(_CHUNK):  # what follows the archive's end is part of the digest too
                pass
        except BuildFailure as failure:
            faults.append(failure.message)
            whole = False
        source.drain()
    if source.size != layer.digest.size or source.hex != layer.digest.hex:
        faults.append(f"want {layer.digest}, {layer.digest.size} bytes, got sha256:{source.hex}, {source.size} bytes")
    return f"sha256:{hasher.hexdigest() if packed else source.hex}" if whole else ""


def _compression(source: _Counted) -> str:
    head = source.peek(4)
    return next((name for name, magic in _MAGIC.items() if head.startswith(magic)), "none")


def _hashed(chunks: Iterator[bytes], hasher: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


class _Counted:
    """A reader that knows what has passed."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._held = b""
        self._hasher = hashlib.sha256()
        self.size = 0

    @property
    def hex(self) -> str:
        return self._hasher.hexdigest()

    def peek(self, size: int) -> bytes:
        while len(self._held) < size and (chunk := self._source.read(_CHUNK)):
            self._held += chunk
        return self._held[:size]

    def read(self, size: int, /) -> bytes:
        data = self._held[:size] if self._held else self._source.read(size)
        self._held = self._held[len(data) :]
        self._hasher.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass


def tar_faults(found: Iterator[Member]) -> Iterator[str]:
    """What is wrong with a layer's members, each kind of fault at most so often that it can be read."""
    told: dict[str, int] = {}
    for kind, message in _member_faults(found):
        told[kind] = told.get(kind, 0) + 1
        if told[kind] <= _MOST:
            yield message
    yield from (f"and {count - _MOST} more: {kind}" for kind, count in told.items() if count > _MOST)


def _member_faults(found: Iterator[Member]) -> Iterator[tuple[str, str]]:
    kinds: dict[str, Type] = {}
    good: set[str] = set()
    for number, member in enumerate(found):
        shown = repr(member.path[:200])
        if number == MOST_MEMBERS:
            raise BuildFailure(f"want at most {MOST_MEMBERS} members, got more")
        if is_unsafe(member.path):
            yield "unsafe paths", f"want paths below the root, got {shown}"
            continue
        path = plain_path(member.path)
        if path in kinds:
            yield "paths that come twice", told_twice(member.path)
        if path in good and member.type is not Type.DIRECTORY:
            yield "paths in files", f"want folders above each path, got the {member.type} {shown} where paths lie below"
        yield from _place_faults(path, kinds, good)
        if member.type is Type.HARD_LINK and kinds.get(plain_path(member.target)) not in (Type.FILE, Type.HARD_LINK):
            yield "hard links", f"want hard links to earlier files of the layer, got {shown} to {member.target[:200]!r}"
        name = path.rpartition("/")[2]
        if name.startswith(".wh.") and name != OPAQUE and plain_path(name.removeprefix(".wh.")) in ("", ".", ".."):
            yield "whiteouts", f"want whiteouts that name a file, got {shown}"
        kinds[path] = member.type


def _place_faults(path: str, kinds: dict[str, Type], good: set[str]) -> Iterator[tuple[str, str]]:
    """`good` are folders that were looked at, with all above them."""
    above = path.rpartition("/")[0]
    while above and above not in good:
        if kinds.get(above, Type.DIRECTORY) is not Type.DIRECTORY:
            inside = f"{path[:200]!r} in the {kinds[above]} '{above[:200]}'"
            yield "paths in files", f"want folders above each path, got {inside}"
            return
        good.add(above)
        above = above.rpartition("/")[0]
