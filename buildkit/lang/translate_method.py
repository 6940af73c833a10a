"""Calls of methods → Python.

A method of the language's own types is called without making a bound method first. The most frequent ones are written
out, behind tests of what is not known already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from buildkit.lang import syntax
from buildkit.lang.attributes import METHODS
from buildkit.lang.inference import is_int
from buildkit.lang.runtime import LONG
from buildkit.lang.translate_operators import format_text
from buildkit.lang.translation import Operand, Writer
from buildkit.lang.values import Dict, List

_KINDS: dict[type, str] = {str: "string", List: "list", Dict: "dict", bytes: "bytes"}
_BY_NAME: dict[str, dict[type, Any]] = {}
for _type, _table in METHODS.items():
    for _name, _function in _table.items():
        _BY_NAME.setdefault(_name, {})[_type] = _function
# What these give is never large.
_SMALL = frozenset(
    (
        *("append", "clear", "extend", "insert", "remove", "index", "pop", "popitem", "setdefault", "get", "update"),
        *("count", "find", "rfind", "rindex", "startswith", "endswith", "isalnum", "isalpha", "isdigit", "islower"),
        *("isspace", "istitle", "isupper", "add", "discard", "issubset", "issuperset", "isdisjoint"),
    )
)
# Methods of Python's strings that do what Starlark's do, given so many strings.
_OF_STRINGS = {
    0: frozenset(("upper", "lower", "strip", "lstrip", "rstrip", "isalnum", "isalpha", "isdigit", "isspace")),
    1: frozenset(("startswith", "endswith", "find", "count")),  # of the others Python's may take very long
}


def has_method(name: str) -> bool:
    """Whether any of the language's own types has a method."""
    return name in _BY_NAME


def call_method(
    w: Writer, node: syntax.Invocation, dot: syntax.Dot, receiver: Operand, into: str | None, general: Any
) -> str:
    """A call of a method that some type of the language's own has; `general` gives the text of a call of any value."""
    name, result, begun = dot.name, into or w.temporary(), len(w.lines)
    texts = [w.expression(argument.value) for argument in node.arguments]
    plain = all(not argument.kind for argument in node.arguments)
    if name == "format" and plain and type(dot.value) is syntax.Literal:
        formatted = _format(w, node, dot.value, receiver, texts, into)
        if formatted:
            return formatted
    known = next((made for type_, made in _BY_NAME[name].items() if _KINDS.get(type_, "") == receiver.kind), None)
    method = _Method(node, dot, receiver, [text.text for text in texts], result, general)
    found = ""
    if known is None and len(w.lines) > begun:  # a method must be there before its arguments are evaluated
        found = _look_up(w, method, begun)
    quick, tests = _quick(name, receiver, texts) if plain else ("", [])
    if quick:
        w.line(f"if {' and '.join(tests)}: {result} = {quick}" if tests else f"{result} = {quick}", node)
    if tests or not quick:
        with w.block("else:", node) if quick else nullcontext():
            if known is not None:
                _own(w, method, w.constant(known))
            else:
                _any(w, method, found or _look_up(w, method, len(w.lines)))
    if name not in _SMALL:
        short = w.inference.kind(node) == "string"
        w.line(f"if len({result}) > {LONG}: longer(T, {result})" if short else f"sized(T, {result})", node)
    return result


class _Method(NamedTuple):
    """A call of a method under translation."""

    node: syntax.Invocation
    dot: syntax.Dot
    receiver: Operand
    texts: list[str]
    result: str
    general: Callable[[str, Sequence[str]], str]


def _own(w: Writer, method: _Method, function: str) -> None:
    """A call of Python code."""
    named = [
        f"{argument.name}={text}" if argument.kind else text
        for argument, text in zip(method.node.arguments, method.texts, strict=True)
    ]
    text = f"{method.result} = {function}({', '.join([method.receiver.text, *named])})"
    w.line(text, method.node, "call", function, "1")


def _look_up(w: Writer, method: _Method, place: int) -> str:
    """Find the method by the type of the value. Where there is none, the variable `…f` has the value's field."""
    spot = syntax.Name(method.dot.name_start, method.dot.end, method.dot.name)
    found, owner, name = w.temporary(), method.receiver.text, method.dot.name
    w.insert(place, f"{found} = {w.constant(_BY_NAME[name])}.get(type({owner}))", spot)
    w.insert(place + 1, f"if {found} is None: {found}f = attribute({owner}, {name!r})", spot)
    return found


def _any(w: Writer, method: _Method, found: str) -> None:
    """Call the method that was found, or else any value."""
    with w.block(f"if {found} is not None:", method.node):
        _own(w, method, found)
    w.line(f"else: {method.result} = {method.general(found + 'f', method.texts)}", method.node)


def _format(
    w: Writer, node: syntax.Invocation, pattern: syntax.Literal, receiver: Operand, texts: list[Operand], into: Any
) -> str:
    """A literal with the plain placeholder `{}` only is formatted by Python; else ''."""
    if type(pattern.value) is not str or set(pattern.value.replace("{}", "")) & {"{", "}", "%"}:
        return ""
    python = pattern._replace(value=pattern.value.replace("{}", "%s"))
    method = w.constant(_BY_NAME["format"][str])
    general = f"{method}({', '.join([receiver.text, *(text.text for text in texts)])})"
    return format_text(w, python, texts, general, node, into)


def _quick(name: str, receiver: Operand, texts: list[Operand]) -> tuple[str, list[str]]:
    """The text of a frequent method, and the tests under which it holds; '' for the others."""
    owner, count = receiver.text, len(texts)
    arguments = ", ".join([text.text for text in texts])
    if receiver.kind in (None, "list") and name == "append" and count == 1:
        tests = [f"not {owner}.frozen", f"not {owner}.iterating", f"len({owner}.items) < T.elements"]
        return f"{owner}.items.append({arguments})", [*_test(receiver, "list", "List"), *tests]
    if receiver.kind in (None, "dict") and name == "get" and 1 <= count <= 2:
        return f"{owner}.entries.get({arguments})", [*_test(receiver, "dict", "Dict"), *_key(texts[0])]
    if receiver.kind in (None, "dict") and name == "setdefault" and count == 2:
        tests = [*_test(receiver, "dict", "Dict"), f"not {owner}.frozen", f"not {owner}.iterating"]
        return f"{owner}.entries.setdefault({arguments})", [*tests, *_key(texts[0])]
    if receiver.kind in (None, "string") and name in _OF_STRINGS.get(count, ()):
        tests = [test for one in (receiver, *texts) for test in _test(one, "string", "str")]
        possible = all(text.kind in (None, "string") for text in texts)
        return (f"{owner}.{name}({arguments})", tests) if possible else ("", [])
    return "", []


def _test(operand: Operand, kind: str, python: str) -> list[str]:
    return [] if operand.kind == kind else [f"type({operand.text}) is {python}"]


def _key(key: Operand) -> list[str]:
    """The test that a key of a dict stands for itself."""
    if is_int(key.kind) or key.kind == "string":
        return []
    return [f"(type({key.text}) is str or type({key.text}) is int)"]
