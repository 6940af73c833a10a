"""One side of a comparison: the files in the layers that are looked at, and what is known of their contents.

In: layers and how to open blobs. Out: `Side`. Compressed layers pass by once, and each file's digest is taken on the
way. Of uncompressed layers headers are read; contents where that is cheap: of small files, of all where reading is
local, and of everything with `deep`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import field

from buildkit.errors import BuildFailure
from buildkit.images.facts import LayerFacts
from buildkit.images.merged import File, Root
from buildkit.images.packages import LARGEST, ecosystem_of, packages_of
from buildkit.images.safetensors import NotSafetensors, Tensor, tensors
from buildkit.images.walk import OpenLayer, is_readable, opened_layer
from buildkit.oci.blobs import is_at_hand
from buildkit.oci.each_once import plain_path
from buildkit.oci.image import OpenedImage
from buildkit.oci.tar_reader import Member, Type
from buildkit.records import dataclass

_CHUNK = 1 << 20
_SMALL = 64 << 10  # bytes of a file whose content is fetched to compare it
_CHEAP = 4 << 30  # bytes of a file that is read where that costs no network
WEIGHTS = ".safetensors"


@dataclass(slots=True)
class Side:
    """What an image's layers hold. Facts are by a file's place in its layer."""

    root: Root = field(default_factory=Root)
    digests: dict[tuple[int, int], str] = field(default_factory=dict)
    packages: dict[tuple[int, int], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    tensors: dict[tuple[int, int], dict[str, Tensor]] = field(default_factory=dict)
    hashes: dict[tuple[int, int], dict[str, str]] = field(default_factory=dict)
    unread: set[tuple[int, int]] = field(default_factory=set)  # weights whose header lies; a note tells of each
    notes: list[str] = field(default_factory=list)

    def files(self) -> dict[str, File]:
        """What is seen of these layers, by path; kind h are hard links into layers that are not looked at."""
        return {file.path: file for file in self.root.files()}


def side_of(opened: OpenedImage, layers: Iterable[LayerFacts], *, deep: bool = False) -> Side:
    """Look at some of an image's layers, lowest first."""
    side = Side()
    for row in layers:
        reading = _Reading(side, row, opened.local, deep)
        if not is_at_hand(row.descriptor, opened.open_blob):
            side.notes.append(f"layer {row.number} is not looked into: it stays at its URLs")
            continue
        if not is_readable(row.descriptor):
            side.notes.append(f"layer {row.number} is not looked into: its media type is {row.descriptor.media_type!r}")
            continue
        with opened_layer(row.descriptor, opened.open_blob) as layer:
            side.root.add_layer(row.number, reading.passed(layer))
    return side


class _Reading:
    """One layer as it passes by."""

    def __init__(self, side: Side, row: LayerFacts, local: bool, deep: bool) -> None:
        self._side = side
        self._row = row
        self._limit = (1 << 62) if deep else _CHEAP if local else _SMALL

    def passed(self, layer: OpenLayer) -> Iterator[Member]:
        """The members, each looked into before the next."""
        for member in layer.members:
            if member.type is Type.FILE:
                self._look(layer, member)
            yield member

    def _look(self, layer: OpenLayer, member: Member) -> None:
        path = plain_path(member.path)
        place = self._row.number, member.offset
        content = b""
        if ecosystem_of(path) and member.size <= LARGEST:
            content = layer.content(member)
            self._side.packages[place] = tuple(packages_of(path, content))
        if content:
            self._side.digests[place] = hashlib.sha256(content).hexdigest()
        elif path.endswith(WEIGHTS):
            self._weights(layer, member, path, place)
        elif not layer.seekable or member.size <= self._limit:
            self._side.digests[place] = _hashed(layer, member.offset, member.offset, member.size, hashlib.sha256())

    def _weights(self, layer: OpenLayer, member: Member, path: str, place: tuple[int, int]) -> None:
        head = bytearray()

        def read(offset: int, length: int) -> bytes:
            # The header is read front to back, so that a stream that only goes on serves it too.
            layer.file.seek(member.offset + len(head))
            head.extend(layer.file.read(offset + length - len(head)))
            return bytes(head[offset : offset + length])

        try:
            found = dict(tensors(read, member.size, path))
        except NotSafetensors as failure:
            self._side.notes.append(f"layer {place[0]}: {failure.message}")
            self._side.unread.add(place)
            found = {}
        if found:
            self._side.tensors[place] = found
        if not layer.seekable or member.size <= self._limit:
            whole, each = _hashed_tensors(layer, member, bytes(head), found)
            self._side.digests[place] = whole
            self._side.hashes[place] = each


def _hashed(layer: OpenLayer, begin: int, position: int, size: int, hasher: hashlib._Hash) -> str:
    """The digest of a member's content from `position` on, after what the hasher has."""
    layer.file.seek(position)
    left = begin + size - position
    while left and (chunk := layer.file.read(min(left, _CHUNK))):
        hasher.update(chunk)
        left -= len(chunk)
    if left:
        raise BuildFailure(f"{layer.name} is damaged: it ends {left} bytes early")
    return hasher.hexdigest()


def _hashed_tensors(
    layer: OpenLayer, member: Member, head: bytes, found: dict[str, Tensor]
) -> tuple[str, dict[str, str]]:
    """What identifies the file's content, and the digest of each tensor's bytes; tensors that overlap have none.

    The file is identified by its header, the digests of its tensors and what lies between: each byte is hashed once.
    """
    whole = hashlib.sha256(head)
    layer.file.seek(member.offset + len(head))
    position = len(head)
    each: dict[str, str] = {}
    for name, tensor in sorted(found.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin < position:
            continue
        position += _through(layer, tensor.begin - position, whole)
        own = hashlib.sha256()
        position += _through(layer, tensor.end - tensor.begin, own)
        each[name] = own.hexdigest()
        whole.update(own.digest())
    _through(layer, member.size - position, whole)
    return whole.hexdigest(), each


def _through(layer: OpenLayer, count: int, hasher: hashlib._Hash) -> int:
    left = count
    while left:
        chunk = layer.file.read(min(left, _CHUNK))
        if not chunk:
            raise BuildFailure(f"{layer.name} is damaged: it ends {left} bytes early")
        hasher.update(chunk)
        left -= len(chunk)
    return count
