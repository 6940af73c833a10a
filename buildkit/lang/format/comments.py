"""Comments inside statements → the pieces of the layout tree that they belong to.

A comment after code belongs to the outermost piece that ends before it; one on lines of its own, inside brackets, to
the outermost piece that starts after it, a closing bracket included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from buildkit.lang.format import layout
from buildkit.lang.format.layout import Node
from buildkit.lang.format.tokens import Comment


def attach(file: layout.File, line_comments: Sequence[Comment], suffix_comments: Sequence[Comment]) -> None:
    """Give each comment its place in a file's tree."""
    if suffix_comments:
        _attach_suffixes(file, suffix_comments)
    if line_comments:
        _attach_lines(file, line_comments)


def _attach_suffixes(file: layout.File, comments: Sequence[Comment]) -> None:
    left = list(comments)
    for node in reversed([node for statement in file.statements for node in postorder(statement)]):
        if node.is_block or isinstance(node, layout.CommentBlock):
            continue
        while left and node.end <= left[-1].start:
            node.suffix.insert(0, left.pop())
        if not left:
            return
    file.before += left


def _attach_lines(file: layout.File, comments: Sequence[Comment]) -> None:
    left = list(reversed(comments))
    for statement in file.statements:
        for node in preorder(statement):
            taken = False
            while left and node.start >= left[-1].start:
                node.before.append(left.pop())
                taken = True
            if taken:
                node.before.sort(key=lambda comment: comment.start)
            if not left:
                return
    file.after += reversed(left)


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


def pieces(node: Node) -> list[Node]:
    """What a piece is made of, in the order of the text."""
    parts = _PIECES[type(node)](node)
    return [part for part in parts if part is not None]


def _branch(node: layout.Branch) -> list[Node]:
    found: list[Node] = []
    for index, body in enumerate(layout.bodies(node)):
        if index:
            found.append(node.keywords[index - 1])
        if index < len(node.conditions):
            found.append(node.conditions[index])
        found += body
    return found


_PIECES = {
    layout.Name: lambda node: (),
    layout.Number: lambda node: (),
    layout.Text: lambda node: (),
    layout.End: lambda node: (),
    layout.CommentBlock: lambda node: (),
    layout.Dot: lambda node: (),
    layout.LoadName: lambda node: (),
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
