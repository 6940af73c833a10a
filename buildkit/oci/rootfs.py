"""An image → a plain folder: its root file system, as a container would see it.

In: an image and how to open blobs. Out: a folder with all layers applied, lowest first: modes, links, times, and what
whiteouts take away. Owners are whoever runs this, so set-user-ID and set-group-ID bits are left out: they would make
a program of the image act for that person. The folder appears when it is whole.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, cast

from buildkit.content import Kind, check_path
from buildkit.errors import BuildFailure
from buildkit.oci import tar_reader
from buildkit.oci.appearing import new_folder
from buildkit.oci.archive import image_to_unpack, layer_chunks
from buildkit.oci.blobs import OpenBlob, Passing
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.each_once import each_once
from buildkit.oci.root_tree import Node, NoFolder, Place, find
from buildkit.oci.tar_reader import Member, Type

_WHITEOUT, _OPAQUE, _AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
_CHUNK = 1 << 20
_MEMBERS = 5_000_000  # of all layers: what was made is kept in memory until the end


def write_rootfs(folder: Path, root: Descriptor, open_blob: OpenBlob, *, platform: str = "") -> None:
    """Write the root file system of an image, of an index the one for `platform`, to a missing or empty folder.

    Raises BuildError where it is neither, and where the index has no such image; BuildFailure for a layer that is
    damaged, holds a path twice or a device, or leads outside.
    """
    image, _, ids = image_to_unpack(root, open_blob, platform)
    with new_folder(folder, "root file system") as made:
        top = Place(Node(Kind.DIRECTORY, 0), made)
        members = 0
        for number, (descriptor, diff_id) in enumerate(zip(image.layers, ids, strict=True), 1):
            layer = _Layer(top, number, f"layer {descriptor.digest}", members)
            with closing(layer_chunks(descriptor, diff_id, open_blob)) as chunks:
                try:
                    members = layer.apply(Passing(chunks, layer.what))
                except BuildFailure as failure:
                    chunks.throw(failure)  # who opened the blob may know why it makes no sense
        top.settle()


class _Layer:
    """A layer that is laid over what is there."""

    def __init__(self, top: Place, number: int, what: str, members: int) -> None:
        self.what = what
        self._top = top
        self._number = number
        self._members = members

    def apply(self, stream: Passing) -> int:
        """Make all members; gives how many there were with those of the layers before."""
        for member in each_once(tar_reader.members(cast(BinaryIO, stream), self.what), self.what):
            self._members += 1
            if self._members > _MEMBERS:
                raise BuildFailure(
                    f"{self.what} holds more than {_MEMBERS} members with those below: refused as a bomb"
                )
            self._apply(member, stream)
        while stream.read(_CHUNK):
            pass  # what follows the archive is checked with it
        return self._members

    def _apply(self, member: Member, stream: Passing) -> None:
        path = _plain(member.path)
        above, _, name = path.rpartition("/")
        if name.startswith(_WHITEOUT):
            self._white_out(above, name)
        elif member.type is Type.DIRECTORY:
            node = self._parent(above, path).enter(name, self._number) if path else self._top.node
            node.layer, node.mode, node.time = self._number, member.mode, member.mtime
        elif path:
            parent = self._parent(above, path)
            source = self._linked(member, path, parent.path / name) if member.type is Type.HARD_LINK else None
            parent.clear(name)
            parent.node.children[name] = self._make(parent.path / name, member, path, stream, source)

    def _white_out(self, above: str, name: str) -> None:
        """Hide what lower layers have, never what this one has."""
        if name != _OPAQUE and name.startswith(_AUFS):
            return  # what aufs kept for itself: of no meaning here
        hidden = name.removeprefix(_WHITEOUT)
        if name != _OPAQUE:
            check_path(hidden)
        try:
            place = find(self._top, above)
        except NoFolder:
            return
        for child in list(place.node.children) if name == _OPAQUE else [hidden]:
            if child in place.node.children:
                place.hide(child, self._number)

    def _parent(self, path: str, member: str) -> Place:
        """The folder that a member goes to."""
        try:
            return find(self._top, path, self._number)
        except NoFolder as found:
            raise BuildFailure(f"{self.what}: '{member}' lies inside '{path}', which is {found}") from None

    def _linked(self, member: Member, path: str, target: Path) -> tuple[Node, Path]:
        """What a hard link links to: a file, or a symlink, that is there before it and stays."""
        source = _plain(member.target)
        above, _, name = source.rpartition("/")
        try:
            place = find(self._top, above)
        except NoFolder:
            place = self._top
            name = ""
        node, found = place.node.children.get(name), place.path / name
        if node is None or node.kind is Kind.DIRECTORY or target in (found, *found.parents):
            raise BuildFailure(f"{self.what}: '{path}' is a hard link to '{source}', which is no file before it")
        return node, found

    def _make(self, target: Path, member: Member, path: str, stream: Passing, source: tuple[Node, Path] | None) -> Node:
        """Make a file or a link; `source` is what a hard link links to."""
        match member.type:
            case Type.FILE:
                self._write(target, member, stream)
                return Node(Kind.FILE, self._number)
            case Type.SYMLINK if member.target:
                target.symlink_to(member.target)
                os.utime(target, (member.mtime, member.mtime), follow_symlinks=False)
                return Node(Kind.SYMLINK, self._number, target=member.target)
            case Type.HARD_LINK if source:
                os.link(source[1], target, follow_symlinks=False)
                return Node(source[0].kind, self._number, target=source[0].target)
            case Type.SYMLINK:
                raise BuildFailure(f"{self.what}: '{path}' is a symlink to nothing")
            case _:
                raise BuildFailure(f"{self.what}: '{path}' is a device or pipe, which only root can make")

    def _write(self, target: Path, member: Member, stream: Passing) -> None:
        stream.seek(member.offset)
        left = member.size
        with target.open("xb") as file:
            while left:
                chunk = stream.read(min(left, _CHUNK))
                if not chunk:
                    raise BuildFailure(
                        f"{self.what} is damaged: it ends {left} bytes before the end of '{member.path}'"
                    )
                left -= len(chunk)
                file.write(chunk)
            file.flush()
            os.fchmod(file.fileno(), member.mode & 0o1777)
            os.utime(file.fileno(), (member.mtime, member.mtime))


def _plain(name: str) -> str:
    """A member's path without the `./` and `/` that archivers add; '' is the root itself. Refuses what leads out."""
    path = name.lstrip("/").removeprefix("./").rstrip("/")
    if path in ("", "."):
        return ""
    check_path(path)
    return path
