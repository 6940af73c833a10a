"""An image → a plain folder: its root file system, as a container would see it.

In: an image and how to open blobs. Out: a folder with all layers applied, lowest first: modes, links, times, and what
whiteouts take away. Owners are whoever runs this, so set-user-ID and set-group-ID bits are left out: they would make
a program of the image act for that person. The folder appears when it is whole.

Layers come from anywhere. What was made is known from here, not from the file system: a path that leads through a
symlink is followed in that knowledge and stays below the root, and the system is never asked to follow anything.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from buildkit.content import Kind, check_path
from buildkit.errors import BuildFailure
from buildkit.oci import tar_reader
from buildkit.oci.appearing import new_folder
from buildkit.oci.archive import image_config, layer_chunks
from buildkit.oci.blobs import Passing
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.layout import OpenBlob
from buildkit.oci.platform import DEFAULT, image_for
from buildkit.oci.tar_reader import Member, Type

_WHITEOUT, _OPAQUE, _AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
_CHUNK = 1 << 20
_LINKS = 40  # symlinks that one path may lead through, as in Linux
_DEPTH = 256  # folders in each other: what is removed or settled later is walked by recursion


def write_rootfs(folder: Path, root: Descriptor, open_blob: OpenBlob, *, platform: str = DEFAULT) -> None:
    """Write the root file system of an image, of an index the one for `platform`, to a missing or empty folder.

    Raises BuildError where it is neither, and where the index has no such image; BuildFailure for a layer that is
    damaged, holds devices or leads outside.
    """
    image = image_for(root, open_blob, platform)
    _, ids = image_config(image, open_blob)
    with new_folder(folder, "root file system") as made:
        tree = _Root(made)
        for number, (descriptor, diff_id) in enumerate(zip(image.layers, ids, strict=True), 1):
            what = f"layer {descriptor.digest}"
            with closing(layer_chunks(descriptor, diff_id, open_blob)) as chunks:
                stream = Passing(chunks, what, Passing.UNKNOWN)
                for member in tar_reader.members(cast(BinaryIO, stream), what):
                    tree.apply(member, number, stream, what)
                while stream.read(_CHUNK):
                    pass  # what follows the archive is checked with it
        tree.finish()


@dataclass(slots=True)
class _Node:
    """What was made at a path, and in which layer."""

    kind: Kind
    layer: int
    mode: int = 0o755
    time: int = 0
    target: str = ""
    children: dict[str, _Node] = field(default_factory=dict)


class _Root:
    """A folder that is being filled, and all that is known of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._top = _Node(Kind.DIRECTORY, 0)

    def apply(self, member: Member, layer: int, content: Passing, what: str) -> None:
        """Make one member of a layer, or take away what it hides."""
        path = _plain(member.path)
        if not path:
            if member.type is Type.DIRECTORY:
                self._top.mode, self._top.time = member.mode, member.mtime
            return
        above, _, name = path.rpartition("/")
        if name.startswith(_WHITEOUT):
            self._hide(above, name, layer)
            return
        parent, place = self._parent(above, layer, path, what)
        if member.type is Type.DIRECTORY:
            self._make_folder(parent, name, place / name, member, layer)
            return
        source = self._linked(member, path, what) if member.type is Type.HARD_LINK else None
        if name in parent.children:
            _remove(parent, name, place / name)
        parent.children[name] = _made(place / name, member, layer, content, source, what)

    def finish(self) -> None:
        """Give the folders their modes and times, which would have kept us from filling them."""
        _settle(self._top, self._folder)

    def _make_folder(self, parent: _Node, name: str, target: Path, member: Member, layer: int) -> None:
        node = parent.children.get(name)
        if node is None or node.kind is not Kind.DIRECTORY:
            if node:
                _remove(parent, name, target)
            target.mkdir(mode=0o700)
            node = parent.children[name] = _Node(Kind.DIRECTORY, layer)
        node.layer, node.mode, node.time = layer, member.mode, member.mtime

    def _linked(self, member: Member, path: str, what: str) -> tuple[_Node, Path]:
        """What a hard link links to: a file, or a symlink, that is there before it."""
        source = _plain(member.target)
        above, _, name = source.rpartition("/")
        found = self._find(above)
        node = found[0].children.get(name) if found else None
        if not found or node is None or node.kind is Kind.DIRECTORY or source == path:
            raise BuildFailure(f"{what}: '{path}' is a hard link to '{source}', which is no file before it")
        return node, found[1] / name

    def _hide(self, above: str, name: str, layer: int) -> None:
        """A whiteout: hides what lower layers have, never what this one has."""
        if name != _OPAQUE and name.startswith(_AUFS):
            return  # what aufs kept for itself: of no meaning here
        if name != _OPAQUE:
            check_path(name.removeprefix(_WHITEOUT))
        if found := self._find(above):
            node, place = found
            hidden = list(node.children) if name == _OPAQUE else [name.removeprefix(_WHITEOUT)]
            for child in hidden:
                if child in node.children:
                    _hide(node, child, place / child, layer)

    def _find(self, path: str) -> tuple[_Node, Path] | None:
        """The folder at a path, symlinks followed; None where there is none."""
        try:
            return self._walk(path, None)
        except _Missing:
            return None

    def _parent(self, path: str, layer: int, member: str, what: str) -> tuple[_Node, Path]:
        """The folder at a path, symlinks followed, missing ones made."""
        try:
            return self._walk(path, layer)
        except _Missing as missing:
            raise BuildFailure(f"{what}: '{member}' lies inside '{path}', which is {missing}") from None

    def _walk(self, path: str, layer: int | None) -> tuple[_Node, Path]:
        """Follow a path from the root; with a layer, what is missing on the way is made in it."""
        way: list[tuple[str, _Node]] = []
        left = path.split("/")[::-1]
        links = 0
        while left:
            part = left.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del way[-1:]
                continue
            here = way[-1][1] if way else self._top
            node = here.children.get(part)
            if node is None:
                if layer is None:
                    raise _Missing("missing")
                self._place(way, part).mkdir(mode=0o700)
                node = here.children[part] = _Node(Kind.DIRECTORY, layer)
            if node.kind is Kind.FILE:
                raise _Missing("a file")
            if node.kind is Kind.DIRECTORY:
                way.append((part, node))
                if len(way) > _DEPTH:
                    raise _Missing(f"more than {_DEPTH} folders deep")
                continue
            links += 1
            if links > _LINKS:
                raise _Missing("a circle of symlinks")
            way = [] if node.target.startswith("/") else way
            left += node.target.split("/")[::-1]
        return (way[-1][1] if way else self._top), self._place(way)

    def _place(self, way: list[tuple[str, _Node]], *more: str) -> Path:
        return self._folder.joinpath(*(name for name, _ in way), *more)


class _Missing(Exception):
    """No folder is there; the text says what is."""


def _plain(name: str) -> str:
    """A member's path without the `./` and `/` that archivers add; '' is the root itself. Refuses what leads out."""
    path = name.lstrip("/").removeprefix("./").rstrip("/")
    if path in ("", "."):
        return ""
    check_path(path)
    return path


def _made(
    target: Path, member: Member, layer: int, content: Passing, source: tuple[_Node, Path] | None, what: str
) -> _Node:
    """Make a file or a link. `source` is what a hard link links to."""
    match member.type:
        case Type.FILE:
            _write(target, member, content, what)
            return _Node(Kind.FILE, layer)
        case Type.SYMLINK:
            if not member.target:
                raise BuildFailure(f"{what}: '{_plain(member.path)}' is a symlink to nothing")
            target.symlink_to(member.target)
            os.utime(target, (member.mtime, member.mtime), follow_symlinks=False)
            return _Node(Kind.SYMLINK, layer, target=member.target)
        case Type.HARD_LINK if source:
            os.link(source[1], target, follow_symlinks=False)
            return _Node(source[0].kind, layer, target=source[0].target)
        case _:
            raise BuildFailure(f"{what}: '{_plain(member.path)}' is a device or pipe, which only root can make")


def _write(target: Path, member: Member, content: Passing, what: str) -> None:
    content.seek(member.offset)
    left = member.size
    with target.open("xb") as file:
        while left:
            chunk = content.read(min(left, _CHUNK))
            if not chunk:
                raise BuildFailure(f"{what} is damaged: it ends {left} bytes before the end of '{member.path}'")
            left -= len(chunk)
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), member.mode & 0o1777)
        os.utime(file.fileno(), (member.mtime, member.mtime))


def _hide(parent: _Node, name: str, place: Path, layer: int) -> None:
    """Take away what is older than a layer; a folder stays as long as it holds something of this one."""
    node = parent.children[name]
    for child in list(node.children):
        _hide(node, child, place / child, layer)
    if node.layer < layer and not node.children:
        _remove(parent, name, place)


def _remove(parent: _Node, name: str, place: Path) -> None:
    if parent.children.pop(name).kind is Kind.DIRECTORY:
        shutil.rmtree(place)
    else:
        place.unlink()


def _settle(node: _Node, place: Path) -> None:
    for name, child in node.children.items():
        if child.kind is Kind.DIRECTORY:
            _settle(child, place / name)
    os.utime(place, (node.time, node.time))
    place.chmod(node.mode & 0o1777)
