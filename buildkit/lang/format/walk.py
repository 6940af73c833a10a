"""The layout tree, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from buildkit.lang.format import layout
from buildkit.lang.format.layout import LEAVE_ALONE, Node, says


class Visit(NamedTuple):
    """A piece, whether a comment at it or around it says to leave it alone, and how many blocks are around it."""

    node: Node
    alone: bool
    blocks: int


def walk(nodes: Sequence[Node]) -> Iterator[Visit]:
    """All pieces, the outer ones first."""
    waiting = [Visit(node, False, 0) for node in reversed(nodes)]
    while waiting:
        node, alone, blocks = waiting.pop()
        alone = alone or says(node, LEAVE_ALONE)
        yield Visit(node, alone, blocks)
        waiting += [Visit(piece, alone, blocks + node.is_block) for piece in reversed(pieces(node))]


def preorder(node: Node) -> Iterator[Node]:
    """A piece, then the pieces in it, in the order of the text. The links of a chain start where it does: left out."""
    if not isinstance(node, layout.Call | layout.Index):
        yield node
    for inner in pieces(node):
        yield from preorder(inner)


def postorder(node: Node) -> Iterator[Node]:
    """The pieces in a piece, in the order of the text, then itself."""
    for inner in pieces(node):
        yield from postorder(inner)
    yield node


def pieces(node: Node) -> Sequence[Node]:
    """What a piece is made of, in the order of the text."""
    read = _PIECES.get(type(node))
    return [part for part in read(node) if part is not None] if read else ()


def _branch(node: layout.Branch) -> list[Node]:
    found: list[Node] = []
    for index, body in enumerate(layout.bodies(node)):
        if index:
            found.append(node.keywords[index - 1])
        if index < len(node.conditions):
            found.append(node.conditions[index])
        found += body
    return found


# What has none of these has no pieces.
_PIECES: dict[type[Node], Callable[[Any], Iterable[Node | None]]] = {
    layout.Unary: lambda node: (node.operand,),
    layout.Binary: lambda node: node.operands,
    layout.Assign: lambda node: (node.target, node.value),
    layout.Conditional: lambda node: (node.then, node.condition, node.otherwise),
    layout.Lambda: lambda node: (*node.parameters, node.body),
    layout.Group: lambda node: (*node.items, node.closing),
    layout.Pair: lambda node: (node.key, node.value),
    layout.Comprehension: lambda node: (node.body, *node.clauses, node.closing),
    layout.ForClause: lambda node: (node.targets, node.iterable),
    layout.IfClause: lambda node: (node.condition,),
    layout.Chain: lambda node: (node.base, *node.links),
    layout.Call: lambda node: (*node.items, node.closing),
    layout.Index: lambda node: (*node.parts, node.closing),
    layout.Load: lambda node: (node.module, *node.names, node.closing),
    layout.Return: lambda node: (node.value,),
    layout.Definition: lambda node: (*node.parameters, *node.body),
    layout.Loop: lambda node: (node.targets, node.iterable, *node.body),
    layout.Branch: _branch,
}
