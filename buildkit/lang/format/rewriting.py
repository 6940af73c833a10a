"""Order and spelling: what is changed in a layout tree before it is printed.

In: a file's layout tree. Out: the same tree, changed. In BUILD files needless parentheses go, named arguments, labels
and lists of labels come into their order; in all files loads, kinds of arguments and docstrings' indentation do.
Nothing changes in or under a piece whose comment says `buildifier: leave-alone`.
"""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.lang.format import labels, layout, lists, loads, tables
from buildkit.lang.format.layout import Node
from buildkit.lang.format.parentheses import simplified
from buildkit.lang.format.walk import Visit, walk


def rewrite(file: layout.File, comments: Sequence[str], *, build_file: bool) -> None:
    """Change a file's tree; `comments` are all comments in the file."""
    visits = list(walk(file.statements))
    if build_file:
        if any(isinstance(visit.node, layout.Group) and visit.node.kind == "(" for visit in visits):
            file.statements = [simplified(statement) for statement in file.statements]
            visits = list(walk(file.statements))
        for visit in visits:
            if isinstance(visit.node, layout.Call) and not visit.alone:
                _sort_arguments(visit.node)
                labels.fix(visit.node)
    lists.sort(visits, build_file=build_file)
    loads.arrange(file, comments)
    for visit in visits:
        _finish(visit, build_file)


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


def _finish(visit: Visit, build_file: bool) -> None:
    node = visit.node
    if isinstance(node, layout.Call):
        node.items.sort(key=_argument_kind)
    elif isinstance(node, layout.Load):
        loads.sort_names(node)
    elif isinstance(node, layout.Definition):
        _indent_docstring(node.body[0], visit.blocks + 1)
    elif isinstance(node, layout.Binary) and build_file:
        lists.join_lines(node)


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
