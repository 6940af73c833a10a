"""Order and spelling: what is changed in a layout tree before it is printed.

In: a file's layout tree. Out: the same tree, changed. In BUILD files needless parentheses go, named arguments, labels
and lists of labels come into their order; in all files loads, kinds of arguments and docstrings' indentation do.
Nothing changes in or under a piece whose comment says `buildifier: leave-alone`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from buildkit.lang.format import labels, layout, lists, loads, tables
from buildkit.lang.format.comments import pieces
from buildkit.lang.format.layout import LEAVE_ALONE, Node, says
from buildkit.lang.format.parentheses import simplified


def rewrite(file: layout.File, comments: Sequence[str], *, build_file: bool) -> None:
    """Change a file's tree; `comments` are all comments in the file."""
    if build_file:
        file.statements = [simplified(statement) for statement in file.statements]
        for call, alone in _calls(file.statements, alone=False):
            if not alone:
                _sort_arguments(call)
                labels.fix(call)
    lists.sort(file.statements, build_file=build_file)
    loads.arrange(file, comments)
    for statement in file.statements:
        _finish(statement, _depth=1)
        if build_file:
            lists.join_lines(statement)


def _calls(nodes: Sequence[Node], *, alone: bool) -> Iterator[tuple[layout.Call, bool]]:
    """All calls, the outer ones first, and whether each is to be left alone."""
    for node in nodes:
        here = alone or says(node, LEAVE_ALONE)
        if isinstance(node, layout.Call):
            yield node, here
        yield from _calls(pieces(node), alone=here)


def _sort_arguments(call: layout.Call) -> None:
    start = len(call.items)
    while start and argument_name(call.items[start - 1]):
        start -= 1
    named = call.items[start:]
    call.items[start:] = sorted(named, key=lambda item: _priority(call.name, argument_name(item)))


def argument_name(node: Node) -> str:
    """The name of a named argument, or ''."""
    if isinstance(node, layout.Assign) and isinstance(node.target, layout.Name):
        return node.target.text
    return ""


def _priority(rule: str, name: str) -> tuple[int, str]:
    return tables.RULE_PRIORITY.get((rule, name), tables.PRIORITY.get(name, 0)), name


def _finish(node: Node, _depth: int) -> None:
    """What is done in all files, in a piece and all in it; `_depth` counts the blocks around it."""
    if isinstance(node, layout.Call):
        node.items.sort(key=_argument_kind)
    elif isinstance(node, layout.Load):
        loads.sort_names(node)
    elif isinstance(node, layout.Definition):
        _indent_docstring(node.body[0], _depth)
    for piece in pieces(node):
        _finish(piece, _depth + node.is_block)


def _argument_kind(node: Node) -> int:
    """Positional arguments come first, then named ones, `*args` and `**kwargs`."""
    if isinstance(node, layout.Unary) and node.operator in ("*", "**"):
        return 1 + len(node.operator)
    return 1 if isinstance(node, layout.Assign) else 0


def _indent_docstring(node: Node, depth: int) -> None:
    """Move the lines of a docstring with its first one; spaces at their ends go."""
    if not isinstance(node, layout.Text) or node.text.lstrip("rR")[:3] not in ('"""', "'''"):
        return
    shift = 4 * depth - node.column
    first, *lines = node.text.split("\n")
    moved = [_moved(line, shift) for line in lines]
    moved[:-1] = [line.rstrip(" ") for line in moved[:-1]]
    text = "\n".join([first, *moved])
    if text != node.text:
        labels.retext(node, text)


def _moved(line: str, shift: int) -> str:
    if shift > 0:
        return " " * shift + line
    width = len(line) - len(line.lstrip(" "))
    if width == len(line) and width <= -shift:
        return line
    return line[min(width, -shift) :]
