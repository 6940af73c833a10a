"""What the grammar alone cannot say of a tree: targets that can be assigned to, the order of parameters and arguments.

In: nodes that the builder is about to use. Out: nothing, or a ScanError.
"""

from __future__ import annotations

from typing import Any

from buildkit.lang import syntax
from buildkit.lang.scanner import ScanError

POSTFIX = 100


def check_postfix(node: Any) -> None:
    """Raise ScanError where a chain of calls, dots and indexes has no room for one more."""
    depth = 0
    start, end = node.start, node.end
    while type(node) in (syntax.Dot, syntax.Invocation, syntax.Index, syntax.Slice):
        node = node.function if type(node) is syntax.Invocation else node.value
        depth += 1
    if depth >= POSTFIX:
        raise ScanError(f"expression is a chain of too many parts: the bound is {POSTFIX}", start, end)


_KINDS = {
    syntax.Literal: "a literal",
    syntax.Mapping: "a dict",
    syntax.Unary: "an expression",
    syntax.Binary: "an expression",
    syntax.Conditional: "a conditional expression",
    syntax.Lambda: "a lambda",
    syntax.Invocation: "a call",
    syntax.Slice: "a slice",
    syntax.Comprehension: "a comprehension",
}


def describe(node: Any) -> str:
    """What kind of expression a node is."""
    if type(node) is syntax.Sequence:
        return f"a {node.kind}"
    return _KINDS.get(type(node), "an expression")


def check_target(node: Any) -> None:
    """Raise ScanError where an expression cannot be assigned to."""
    pending = [node]
    while pending:
        target = pending.pop()
        if type(target) is syntax.Sequence:
            pending += target.items
        elif type(target) not in (syntax.Name, syntax.Index, syntax.Dot):
            raise ScanError(f"cannot assign to {describe(target)}", target.start, target.end)


def check_parameters(parameters: list[syntax.Parameter]) -> None:
    """Raise ScanError at the first parameter that is out of place."""
    seen: set[str] = set()
    starred = keywords = optional = False
    for place, parameter in enumerate(parameters):
        error: str | None = None
        if parameter.name and parameter.name in seen:
            error = f"parameter '{parameter.name}' is there twice"
        elif keywords:
            error = f"no parameter may follow '**{keywords}'"
        elif parameter.kind == "*" and starred:
            error = "there is more than one '*' parameter"
        elif (parameter.kind == "*" and not parameter.name and parameters[place + 1 : place + 2] == []) or (
            parameter.kind == "*" and not parameter.name and parameters[place + 1].kind == "**"
        ):
            error = "a bare '*' must be followed by a parameter"
        elif not parameter.kind and parameter.default is None and optional and not starred:
            error = f"parameter '{parameter.name}' without a default follows one with a default"
        if error:
            raise ScanError(error, parameter.start, parameter.end)
        seen.add(parameter.name)
        starred = starred or parameter.kind == "*"
        keywords = parameter.name if parameter.kind == "**" else keywords  # type: ignore[assignment]
        optional = optional or parameter.default is not None


def check_arguments(arguments: tuple[syntax.Argument, ...]) -> None:
    """Raise ScanError at the first argument that is out of place."""
    names = {name for _, _, kind, name, _ in arguments if kind == "="}
    if len(names) == len(arguments):  # most calls: by name only, and each name once
        return
    seen: set[str] = set()
    latest = ""
    for argument in arguments:
        error = None
        if argument.kind == "" and latest:
            error = f"a positional argument follows a {_ARGUMENTS[latest]}"
        elif argument.kind == "=" and latest in ("*", "**"):
            error = f"a keyword argument follows '{latest}'"
        elif argument.kind == "=" and argument.name in seen:
            error = f"keyword argument '{argument.name}' is there twice"
        elif argument.kind in ("*", "**") and latest in ("**", argument.kind):
            error = f"'{argument.kind}' follows '{latest}'"
        if error:
            end = argument.start + len(argument.name) if argument.name else argument.end
            raise ScanError(error, argument.start, end)
        seen.add(argument.name)
        latest = argument.kind or latest


_ARGUMENTS = {"=": "keyword argument", "*": "'*' argument", "**": "'**' argument"}
