"""The layers of an image → the files that a container would see.

In: layers, lowest first. Out: `File`s by path: what a higher layer puts in a path's place or whites out
(image-spec, layer.md, "Whiteouts") is gone. A hard link is the file that it led to when it was made, whatever becomes
of that path later. What a layer puts below a symlink, without a folder of that name, lies
where the symlink leads, as it does for containerd and umoci and in `buildkit.oci.rootfs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field, replace

from buildkit.errors import BuildFailure
from buildkit.images.walk import is_unsafe, kind_of
from buildkit.oci.each_once import plain_path
from buildkit.oci.tar_reader import Member
from buildkit.records import dataclass

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_LINKS = 40  # symlinks that one path may lead through, as in Linux


@dataclass(frozen=True, slots=True)
class File:
    """A path of an image: `kind` as in `ls -l`, `layer` the number of the one that put it there.

    Kind h is a hard link as a layer has it; in a `Root`, one to what no layer that was added holds.
    """

    path: str
    kind: str
    mode: int
    size: int
    layer: int
    target: str = ""
    offset: int = 0
    source: int = 0  # the layer that holds the content, where a hard link leads to another

    @property
    def place(self) -> tuple[int, int]:
        """Where its content is: the layer, and from which byte on."""
        return self.source or self.layer, self.offset


@dataclass(slots=True)
class _Node:
    file: File | None = None
    below: dict[str, _Node] = field(default_factory=dict)


class Root:
    """A tree that grows by layers. `removed` are paths that whiteouts named, whether or not something was there."""

    def __init__(self) -> None:
        self._top = _Node()
        self.removed: set[str] = set()

    def add_layer(self, number: int, members: Iterable[Member]) -> None:
        """Put a layer over those that are there. BuildFailure for a path that leads outside."""
        added = [file for member in members if (file := self._file(number, member))]
        # Whiteouts hide what lower layers hold, never what their own does, wherever in it they stand.
        for file in added:
            folder, _, name = file.path.rpartition("/")
            if name == OPAQUE:
                self._empty(folder)
            elif name.startswith(WHITEOUT):
                self._remove(f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
        for file in added:
            if not file.path.rpartition("/")[2].startswith(WHITEOUT):
                self._put(file)

    def files(self) -> Iterator[File]:
        """All files, sorted by the bytes of their paths, directories before what they hold."""
        found = [node.file for node in self._nodes() if node.file]
        return iter(sorted(found, key=lambda file: file.path.encode()))

    def _file(self, number: int, member: Member) -> File | None:
        path = plain_path(member.path)
        if is_unsafe(path):
            raise BuildFailure(f"layer {number} holds the unsafe path {member.path[:200]!r}")
        if not path:
            return None
        return File(path, kind_of(member), member.mode, member.size, number, member.target, member.offset)

    def _put(self, file: File) -> None:
        file = self._linked(file) if file.kind == "h" else file
        folder, _, name = file.path.rpartition("/")
        names, above = self._made(folder)
        node = above.below.setdefault(name, _Node())
        if file.kind != "d":
            node.below = {}
        node.file = replace(file, path="/".join([*names, name]))

    def _linked(self, link: File) -> File:
        """What a hard link stands for from now on: itself where no file is there to link to."""
        folder, _, name = plain_path(link.target).rpartition("/")
        above = self._find(folder)
        node = above.below.get(name) if above else None
        if node is None or node.file is None or node.file.kind == "d":
            return link
        return replace(node.file, path=link.path, layer=link.layer, source=node.file.place[0])

    def _remove(self, path: str) -> None:
        self.removed.add(path)
        folder, _, name = path.rpartition("/")
        above = self._find(folder)
        if above:
            above.below.pop(name, None)

    def _empty(self, path: str) -> None:
        node = self._find(path)
        if node:
            node.below = {}

    def _find(self, path: str) -> _Node | None:
        found = self._walk(path, make=False)
        return found[1] if found else None

    def _made(self, path: str) -> tuple[list[str], _Node]:
        found = self._walk(path, make=True)
        assert found
        return found

    def _walk(self, path: str, *, make: bool) -> tuple[list[str], _Node] | None:
        """The names that lead to a folder without symlinks, and the folder; what is missing or in its place is made."""
        names, way = list[str](), [self._top]
        left, links = path.split("/")[::-1], 0
        while left:
            part = left.pop()
            if part == "..":
                names, way = names[:-1], way[:-1] or [self._top]
            if part in ("", ".", ".."):
                continue
            node = way[-1].below.get(part)
            if node and node.file and node.file.kind == "l" and links < _LINKS:
                links += 1
                if node.file.target.startswith("/"):
                    names, way = [], [self._top]
                left += node.file.target.split("/")[::-1]
                continue
            if node is None or (node.file and node.file.kind != "d"):
                if not make:
                    return None
                node = way[-1].below[part] = _Node()
            names.append(part)
            way.append(node)
        return names, way[-1]

    def _nodes(self) -> Iterator[_Node]:
        left = [self._top]
        while left:
            node = left.pop()
            yield node
            left += node.below.values()
