"""The layers of an image → the files that a container would see.

In: layers, lowest first. Out: `File`s by path: what a higher layer puts in a path's place or whites out
(image-spec, layer.md, "Whiteouts") is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from buildkit.errors import BuildFailure
from buildkit.images.walk import is_unsafe, kind_of, plain_path
from buildkit.oci.tar_reader import Member

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class File:
    """A path of an image: `kind` as in `ls -l` (h for a hard link), `layer` the number of the one that it is in."""

    path: str
    kind: str
    mode: int
    size: int
    layer: int
    target: str = ""
    offset: int = 0


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
        node = self._top
        for part in file.path.split("/"):
            if node.file and node.file.kind != "d":  # a folder takes a file's place
                node.file = None
            node = node.below.setdefault(part, _Node())
        if file.kind != "d":
            node.below = {}
        node.file = file

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
        node: _Node | None = self._top
        for part in path.split("/") if path else ():
            node = node.below.get(part) if node else None
        return node

    def _nodes(self) -> Iterator[_Node]:
        left = [self._top]
        while left:
            node = left.pop()
            yield node
            left += node.below.values()
