"""The syntax tree, from the outside in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from buildkit.lang import syntax
from buildkit.lang.syntax import Statement


def walk(node: object) -> Iterator[Any]:
    """A node and all nodes in it, in the order of the text."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, tuple):
            if hasattr(current, "start"):
                yield current
            waiting.extend(reversed(current))


def names_read(statements: Iterable[Statement]) -> set[str]:
    """The names that are read anywhere in statements; a name that is only bound is not."""
    bound: set[tuple[int, int]] = set()
    read: set[str] = set()
    for node in walk(tuple(statements)):
        kind = type(node)
        if kind is syntax.Assignment or kind is syntax.Loop or kind is syntax.ForClause:
            bound |= {(name.start, name.end) for name in targets(node.target)}
        elif kind is syntax.Definition:
            bound.add((node.name.start, node.name.end))
        elif kind is syntax.Name and (node.start, node.end) not in bound:
            read.add(node.name)
    return read


def targets(target: object) -> Iterator[syntax.Name]:
    """The names that a target binds; those in `x[i]` and `x.y` are read."""
    if isinstance(target, syntax.Name):
        yield target
    elif isinstance(target, syntax.Sequence):
        for item in target.items:
            yield from targets(item)


def bodies(statement: Statement) -> list[tuple[Statement, ...]]:
    """The bodies of a block statement."""
    if isinstance(statement, syntax.Branch):
        return [*(body for _, body in statement.branches), *([statement.otherwise] if statement.otherwise else [])]
    return [statement.body] if isinstance(statement, syntax.Loop | syntax.Definition) else []


def blocks(statements: tuple[Statement, ...]) -> Iterator[tuple[Statement, ...]]:
    """A run of statements, and all runs in their bodies."""
    yield statements
    for statement in statements:
        for body in bodies(statement):
            yield from blocks(body)


def called(node: object) -> str:
    """The dotted name that a call calls, or ''."""
    if not isinstance(node, syntax.Invocation):
        return ""
    value, parts = node.function, []
    while isinstance(value, syntax.Dot):
        parts.append(value.name)
        value = value.value
    return ".".join([value.name, *reversed(parts)]) if isinstance(value, syntax.Name) else ""


def argument(call: syntax.Invocation, name: str) -> syntax.Argument | None:
    """A named argument of a call."""
    return next((one for one in call.arguments if one.kind == "=" and one.name == name), None)


def text_of(node: object) -> str | None:
    """The value of a string literal."""
    return node.value if isinstance(node, syntax.Literal) and isinstance(node.value, str) else None
