"""What is known of a root file system that is being written: what was made where, and in which layer.

In: paths of layers. Out: folders that are really below the root. A path that leads through a symlink is followed in
this knowledge and never by the file system, so nothing that a layer says leads outside.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import field
from pathlib import Path

from buildkit.content import Kind
from buildkit.records import dataclass

_LINKS = 40  # symlinks that one path may lead through, as in Linux
_DEPTH = 256  # folders in each other: what is removed or settled later is walked by recursion


@dataclass(slots=True)
class Node:
    """What was made at a path, and in which layer. Of folders the mode and time that they get in the end."""

    kind: Kind
    layer: int
    mode: int = 0o755
    time: int | None = None
    target: str = ""
    children: dict[str, Node] = field(default_factory=dict)


class NoFolder(Exception):
    """No folder is there; the text says what is."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder: its node, and its path on the disk."""

    node: Node
    path: Path

    def enter(self, name: str, layer: int) -> Node:
        """The folder of a name in this one, made in a layer unless it is there; anything else there makes room."""
        node = self.node.children.get(name)
        if node is None or node.kind is not Kind.DIRECTORY:
            self.clear(name)
            (self.path / name).mkdir(mode=0o700)  # its own mode might forbid to fill it
            node = self.node.children[name] = Node(Kind.DIRECTORY, layer)
        return node

    def clear(self, name: str) -> None:
        """Remove what a name stands for, if anything."""
        node = self.node.children.pop(name, None)
        if node and node.kind is Kind.DIRECTORY:
            shutil.rmtree(self.path / name)
        elif node:
            (self.path / name).unlink()

    def hide(self, name: str, layer: int) -> None:
        """Take away what is older than a layer; a folder stays as long as it holds something of this one."""
        node = self.node.children[name]
        inner = Place(node, self.path / name)
        for child in list(node.children):
            inner.hide(child, layer)
        if node.layer < layer and not node.children:
            self.clear(name)

    def settle(self) -> None:
        """Give this folder, and those in it, their modes and times."""
        for name, child in self.node.children.items():
            if child.kind is Kind.DIRECTORY:
                Place(child, self.path / name).settle()
        if self.node.time is not None:
            os.utime(self.path, (self.node.time, self.node.time))
        self.path.chmod(self.node.mode & 0o1777)


def find(top: Place, path: str, layer: int | None = None) -> Place:
    """The folder at a path, symlinks followed; with a layer, what is missing on the way is made in it.

    Raises NoFolder where something else is there.
    """
    way = [top]
    left = path.split("/")[::-1]
    links = 0
    while left:
        part = left.pop()
        if part == "..":
            way = way[:-1] or [top]
        if part in ("", ".", ".."):
            continue
        node = way[-1].node.children.get(part)
        if node is None:
            if layer is None:
                raise NoFolder("missing")
            node = way[-1].enter(part, layer)
        if node.kind is Kind.FILE:
            raise NoFolder("a file")
        if node.kind is Kind.DIRECTORY:
            way.append(Place(node, way[-1].path / part))
        else:
            links += 1
            way = [top] if node.target.startswith("/") else way
            left += node.target.split("/")[::-1]
        if links > _LINKS:
            raise NoFolder("a circle of symlinks")
        if len(way) > _DEPTH:
            raise NoFolder(f"more than {_DEPTH} folders deep")
    return way[-1]
