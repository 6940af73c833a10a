"""Statements that never run, conditions that are always the same, values that nobody takes."""

from __future__ import annotations

from collections.abc import Iterator

from buildkit.lang import syntax
from buildkit.lang.lint.finding import Place
from buildkit.lang.lint.walk import blocks, called, text_of, walk

_CONSTANTS = ("True", "False", "None")


def check(file: syntax.File) -> Iterator[Place]:
    """All findings about the flow of a file."""
    for statements in blocks(file.statements):
        yield from _unreachable(statements)
        yield from _without_effect(statements)
    for node in walk(file.statements):
        if isinstance(node, syntax.Conditional):
            yield from _constant(node.condition)
        elif isinstance(node, syntax.Branch):
            for condition, _ in node.branches:
                yield from _constant(condition)
        elif isinstance(node, syntax.IfClause):
            yield from _constant(node.condition)


def _unreachable(statements: tuple[syntax.Statement, ...]) -> Iterator[Place]:
    for index, statement in enumerate(statements[:-1]):
        if _leaves(statement):
            following = statements[index + 1]
            yield Place(following.start, statements[-1].end, "unreachable", "this never runs", "remove it")
            return


def _leaves(statement: syntax.Statement) -> bool:
    """Whether nothing after a statement runs."""
    if isinstance(statement, syntax.Return):
        return True
    if isinstance(statement, syntax.Jump):
        return statement.keyword != "pass"
    if isinstance(statement, syntax.Evaluation):
        return called(statement.value) == "fail"
    if isinstance(statement, syntax.Branch):
        found = [body for _, body in statement.branches] + [statement.otherwise]
        return all(body and any(_leaves(inner) for inner in body) for body in found)
    return False


def _constant(condition: syntax.Expression) -> Iterator[Place]:
    names = isinstance(condition, syntax.Name) and condition.name in _CONSTANTS
    literal = isinstance(condition, syntax.Literal | syntax.Lambda)
    empty = isinstance(condition, syntax.Sequence | syntax.Mapping)
    if names or literal or empty:
        message = "this condition is always the same"
        yield Place(condition.start, condition.end, "constant-condition", message, "keep the branch that is taken")


def _without_effect(statements: tuple[syntax.Statement, ...]) -> Iterator[Place]:
    for statement in statements:
        if not isinstance(statement, syntax.Evaluation) or text_of(statement.value) is not None:
            continue
        acts = (syntax.Invocation, syntax.Comprehension)
        if not any(isinstance(node, acts) for node in walk(statement.value)):
            message = "nobody takes the value of this expression"
            yield Place(statement.start, statement.end, "no-effect", message, "assign it, or remove it")
