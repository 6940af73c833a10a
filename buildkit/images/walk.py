"""A layer → its members, in the archive's order, reading as little as may be.

In: a layer's descriptor and how to open blobs. Out: members, and a file to read a member's content from while it is the
current one. An uncompressed layer is sought in, so that only headers are fetched; a compressed one is streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from buildkit.errors import BuildFailure
from buildkit.images.facts import compression_of
from buildkit.images.model_layers import FILEPATH
from buildkit.oci.blobs import OpenPart, Parts, Passing, check_at_hand
from buildkit.oci.compression import decompressed
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.each_once import each_once
from buildkit.oci.tar_reader import Member, Type, members
from buildkit.records import dataclass

MOST_MEMBERS = 2_000_000


@dataclass(frozen=True, slots=True)
class OpenLayer:
    """A layer's members, and the file that `Member.offset` counts in; `seekable` if reading back costs nothing."""

    name: str
    members: Iterator[Member]
    file: BinaryIO
    seekable: bool

    def content(self, member: Member) -> bytes:
        """All bytes of the current member. The caller bounds it."""
        self.file.seek(member.offset)
        return self.file.read(member.size)


@contextmanager
def opened_layer(descriptor: Descriptor, open_blob: OpenPart) -> Iterator[OpenLayer]:
    """Open a layer. BuildFailure for one that is damaged, a bomb, no tar at all, or not at hand; while its members
    pass, for a path that comes twice.
    """
    check_at_hand(descriptor, open_blob)
    digest, compression = descriptor.digest, compression_of(descriptor.media_type)
    what = f"layer {digest}"
    if not compression:
        path = dict(descriptor.annotations).get(FILEPATH)
        if not descriptor.media_type.endswith(".raw") or not path:
            raise BuildFailure(f"{what} is no tar: its media type is {descriptor.media_type!r}")
        file = cast(BinaryIO, Parts(digest, open_blob))
        yield OpenLayer(what, iter([Member(path, Type.FILE, 0o644, digest.size)]), file, True)
    elif compression == "none":
        file = cast(BinaryIO, Parts(digest, open_blob))
        if file.read(4).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            raise BuildFailure(f"{what} is compressed, and its media type is {descriptor.media_type!r}")
        yield OpenLayer(what, _bounded(members(file, what), what), file, True)
    else:
        with open_blob(digest) as source:
            file = cast(BinaryIO, Passing(decompressed(source, what), what))
            yield OpenLayer(what, _bounded(members(file, what), what), file, False)


def is_readable(descriptor: Descriptor) -> bool:
    """Whether a layer is a tar, or one file as it is, by its media type."""
    raw = descriptor.media_type.endswith(".raw") and FILEPATH in dict(descriptor.annotations)
    return raw or bool(compression_of(descriptor.media_type))


def _bounded(found: Iterator[Member], what: str) -> Iterator[Member]:
    for number, member in enumerate(each_once(found, what)):
        if number == MOST_MEMBERS:
            raise BuildFailure(f"{what} holds more than {MOST_MEMBERS} members: refused as a bomb")
        yield member


def is_unsafe(path: str) -> bool:
    """Whether a member's path leads outside of the root, or may be read as such."""
    return path.startswith("/") or ".." in path.split("/") or "\0" in path


def kind_of(member: Member) -> str:
    """What a member is, as one letter of `ls -l`."""
    return {Type.DIRECTORY: "d", Type.SYMLINK: "l", Type.HARD_LINK: "h", Type.DEVICE: "c"}.get(member.type, "-")
