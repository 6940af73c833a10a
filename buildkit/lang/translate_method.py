"""Calls of methods → Python.

A method of the language's own types is called without making a bound method first. The most frequent ones are written
out, behind tests of what is not known already.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

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
    1: frozenset(("startswith", "endswith", "find", "rfind", "count", "strip", "lstrip", "rstrip")),
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
    early = len(w.lines) > begun
    plain = all(not argument.kind for argument in node.arguments)
    if name == "format" and plain and type(dot.value) is syntax.Literal:
        formatted = _format(w, node, dot.value, receiver, texts, into)
        if formatted:
            return formatted
    quick, tests = _quick(name, receiver, texts) if plain else ("", [])
    known = next((made for type_, made in _BY_NAME[name].items() if _KINDS.get(type_, "") == receiver.kind), None)
    if quick:
        w.line(f"if {' and '.join(tests)}: {result} = {quick}" if tests else f"{result} = {quick}", node)
    if tests or not quick:
        with w.block("else:", node) if quick else nullcontext():
            arguments = [text.text for text in texts]
            if known is not None:
                _own(w, node, w.constant(known), receiver, arguments, result)
            else:
                _any(w, node, dot, receiver, arguments, result, general, begun if early else None)
    if name not in _SMALL:
        short = w.inference.kind(node) == "string"
        w.line(f"if len({result}) > {LONG}: longer(T, {result})" if short else f"sized(T, {result})", node)
    return result


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


def _own(w: Writer, node: syntax.Invocation, method: str, receiver: Operand, texts: list[str], result: str) -> None:
    named = [
        f"{argument.name}={text}" if argument.kind else text
        for argument, text in zip(node.arguments, texts, strict=True)
    ]
    w.line(f"{result} = {method}({', '.join([receiver.text, *named])})", node, "call", method, "1")


def _any(
    w: Writer,
    node: syntax.Invocation,
    dot: syntax.Dot,
    receiver: Operand,
    texts: list[str],
    result: str,
    general: Any,
    early: int | None,
) -> None:
    """Look the method up, before the arguments are evaluated; what is none of ours is called as any value."""
    spot = syntax.Name(dot.name_start, dot.end, dot.name)
    found, function = w.temporary(), w.temporary()
    lines = (
        f"{found} = {w.constant(_BY_NAME[dot.name])}.get(type({receiver.text}))",
        f"if {found} is None: {function} = attribute({receiver.text}, {dot.name!r})",
    )
    for number, line in enumerate(lines):
        if early is None:
            w.line(line, spot)
        else:
            w.insert(early + number, line, spot)
    with w.block(f"if {found} is not None:", node):
        _own(w, node, found, receiver, texts, result)
    w.line(f"else: {result} = {general(function, texts)}", node)


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
