"""Formatting changes how a file is written, not what it says: its tree is the same, but for what the page lists."""

from __future__ import annotations

import re
from typing import Any

import pytest
from format_programs import programs

from buildkit.lang import evaluate, parse, syntax, to_python
from buildkit.lang.format import format_source


def meaning(node: Any) -> Any:
    """A tree without places, in which order and spelling count only where they may not change."""
    if isinstance(node, syntax.Literal):
        return _spelt(node.value) if isinstance(node.value, str) else (type(node.value).__name__, node.value)
    if isinstance(node, syntax.Sequence) and node.kind == "list":
        texts = frozenset(repr(meaning(item)) for item in node.items if _is_text(item))
        return "list", texts, tuple(meaning(item) for item in node.items if not _is_text(item))
    if isinstance(node, syntax.Invocation):
        return "call", meaning(node.function), tuple(sorted((meaning(one) for one in node.arguments), key=_argument))
    if isinstance(node, syntax.Binary):
        return _sum(list(node.operators), [meaning(one) for one in node.operands])
    if isinstance(node, syntax.Branch):
        return _branch(node)
    if isinstance(node, tuple):
        placed = hasattr(node, "start")
        fields = node[2:] if placed else node
        if isinstance(node, syntax.Dot):
            fields = (node.value, node.name)
        return (type(node).__name__, *map(meaning, fields)) if placed else tuple(map(meaning, fields))
    return node


def _branch(node: syntax.Branch) -> Any:
    """An `else` that holds one `if` is an `elif`."""
    branches, otherwise = list(node.branches), node.otherwise
    while len(otherwise) == 1 and isinstance(otherwise[0], syntax.Branch):
        branches += otherwise[0].branches
        otherwise = otherwise[0].otherwise
    return "if", meaning(tuple(branches)), meaning(otherwise)


def _is_text(node: Any) -> bool:
    return isinstance(node, syntax.Literal) and isinstance(node.value, str)


def _spelt(text: str) -> str:
    """A docstring's spaces, and the long form of a label, are spelling."""
    text = re.sub(r"\A(//(?:.+/)?([^:/]+)):\2\Z", r"\1", text)
    return " ".join(re.sub(r"\A@(\w+)//:\1\Z", r"@\1", text).split())


def _argument(one: tuple[Any, ...]) -> tuple[int, str]:
    kind = {"": 0, "=": 1, "*": 2, "**": 3}[one[1]]
    return kind, one[2] if kind == 1 else ""


def _sum(operators: list[str], operands: list[Any]) -> Any:
    while operators and operators[0] == "+" and isinstance(operands[0], str) and isinstance(operands[1], str):
        if not operands[0].startswith("//") or " " in operands[0] + operands[1]:
            break
        operands[:2] = [_spelt(operands[0] + operands[1])]
        del operators[0]
    return ("sum", tuple(operators), tuple(operands)) if operators else operands[0]


def file_meaning(text: str, build_file: bool) -> Any:
    statements = parse(text, "x", build_file=build_file).statements
    loads = [one for one in statements if isinstance(one, syntax.Load)]
    loaded = {(load.module.value, name.local, name.original) for load in loads for name in load.names}
    return loaded, [meaning(one) for one in statements if not isinstance(one, syntax.Load)]


@pytest.mark.parametrize("first", range(800_000, 800_400, 100))
def test_a_program_says_the_same_before_and_after(first: int) -> None:
    for text, build_file in programs(first, 100):
        assert file_meaning(format_source(text, "x", build_file), build_file) == file_meaning(text, build_file), text


def test_values_are_the_same_before_and_after() -> None:
    text = (
        "a=['b','a']\nb=1.50e+03+.5\nc={'x':(1,),'y':a[0 :1]}\nd='''it's\n'''+r'\\d'+\"\\t\"\ne=not - 1 if(a) else(2)\n"
    )
    values = []
    for one in (text, format_source(text, "x.bzl", False)):
        values.append({name: to_python(value) for name, value in _globals(one).items()})
    assert values[0] == values[1]


def _globals(text: str) -> dict[str, Any]:
    return dict(evaluate(parse(text, "x.bzl", build_file=False)))
