"""Functions → Python functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from buildkit.errors import Span
from buildkit.lang import syntax
from buildkit.lang.functions import Code
from buildkit.lang.inference import BIG, Kind
from buildkit.lang.resolver import Variable, parameter_order
from buildkit.lang.translate_loop import variable
from buildkit.lang.translation import Operand, Translator, Unit, Writer
from buildkit.lang.values import Dict, List


def _definition(w: Writer, node: syntax.Definition) -> None:
    """A `def` inside a function."""
    _function(w, node, node.name.name, node.body, variable(w, node.name), doc_of(node))


def _lambda(w: Writer, node: syntax.Lambda, into: str | None) -> Operand:
    """A function that is one expression."""
    name = into or w.temporary()
    _function(w, node, "lambda", (syntax.Return(node.body.start, node.body.end, node.body),), name, "")
    return Operand(name)


def _function(w: Writer, node: Any, name: str, body: Sequence[Any], into: str, doc: str) -> None:
    """The lines that make a function, with its defaults, and leave it in a variable."""
    named = [one for one in parameter_order(node.parameters) if not one.kind]
    defaults = [w.expression(one.default).text if one.default is not None else "UNBOUND" for one in named]
    code = code_of(w.unit, node, name, doc)
    python = f"f{code.key}"
    write(w, node, code, body, python)
    w.line(f"{into} = Function({w.constant(code)}, ({''.join(f'{one}, ' for one in defaults)}), {python})", node)


def code_of(unit: Unit, node: Any, name: str, doc: str) -> Code:
    """What all functions of one definition share."""

    def place() -> Span:
        return unit.file.span(node.start, node.end)

    return Code(name, node.parameters, place, doc)


def doc_of(node: syntax.Definition) -> str:
    """The doc string of a function, or ''."""
    first = node.body[0]
    if isinstance(first, syntax.Evaluation) and isinstance(first.value, syntax.Literal):
        return first.value.value if isinstance(first.value.value, str) else ""
    return ""


def typical(unit: Unit, node: Any, body: Sequence[Any], arguments: Sequence[Any]) -> dict[Variable, Kind]:
    """The kinds of those arguments that it is worth testing once, rather than wherever they are used."""
    parameters = _parameters(unit, node)
    uses = dict.fromkeys(parameters, 0)
    _count_uses(unit, body, uses, 2 if any(type(part) is syntax.Loop for part in body) else 1)
    return {
        variable: _TYPES[type(argument)][0]
        for variable, argument in zip(parameters, arguments, strict=True)
        if uses[variable] > 1 and type(argument) in _TYPES
    }


_TYPES: dict[type, tuple[Kind, str]] = {
    int: (BIG, "int"),
    str: ("string", "str"),
    List: ("list", "List"),
    Dict: ("dict", "Dict"),
}


def _parameters(unit: Unit, node: Any) -> list[Variable]:
    return unit.resolution.layouts[node.start].variables[: len(parameter_order(node.parameters))]


def _count_uses(unit: Unit, node: Any, uses: dict[Variable, int], weight: int) -> None:
    kind = type(node)
    if kind is syntax.Name:
        _, where = unit.resolution.bindings.get(node.start, (None, None))
        if where in uses:
            uses[where] += weight
    elif kind is syntax.Loop or kind is syntax.Comprehension:
        weight = 2
    if kind is not syntax.Lambda and kind is not syntax.Definition:
        for child in node:
            if isinstance(child, tuple):
                _count_uses(unit, child, uses, weight)


def write(
    w: Writer,
    node: Any,
    code: Code,
    body: Sequence[Any],
    python: str,
    known: Mapping[Variable, Kind] = MappingProxyType({}),
    general: str = "",
) -> None:
    """The Python function of a definition; where parameters are not of the known kinds it calls the general one."""
    parameters = _parameters(w.unit, node)
    around = w.inference, w.code, w.marked, w.guards
    w.inference, w.code, w.guards = w.unit.inference(), code, []
    w.inference.settle({variable: known.get(variable) for variable in parameters}, body)
    calls = _calls(w, body)
    w.marked = calls > 0
    names = ["T", *(w.unit.names[variable] for variable in parameters)]
    with w.block(f"def {python}({', '.join(names)}):"):
        if known:
            pythons = dict(_TYPES.values())
            tests = [f"type({w.unit.names[variable]}) is not {pythons[kind]}" for variable, kind in known.items()]
            w.line(f"if {' or '.join(tests)}: return {general}({', '.join(names)})")
        _enter(w, code, calls, may_call=calls > 0 or _has_methods(body))
        w.statements(body)
        if w.marked:
            w.line(f"del A[{code.key}]")
    w.inference, w.code, w.marked, w.guards = around


def _enter(w: Writer, code: Code, calls: int, *, may_call: bool) -> None:
    """What a function that calls others does first. Lines without syntax: faults in them are the caller's."""
    if w.marked:
        w.line("A = T.active")
        w.line(f"if {code.key} in A or len(A) >= T.deepest: refuse(T, {w.constant(code)})")
        w.line(f"A[{code.key}] = None")
        w.line(f"T.left -= {calls}")
        w.line("if T.left < 0: T.refill()")
    elif may_call:
        w.line(f"if {code.key} in T.active: refuse(T, {w.constant(code)})")


def _calls(w: Writer, node: Any) -> int:
    """How many calls of functions of the language there may be in a piece of syntax, methods left out."""
    kind = type(node)
    if kind is syntax.Lambda or kind is syntax.Definition or kind is syntax.Name or kind is syntax.Literal:
        return 0
    count = 0
    if kind is syntax.Invocation and type(node.function) is not syntax.Dot:
        count = 1 if w.inference.builtin(node.function) in (None, "sorted", "min", "max") else 0
    return count + sum([_calls(w, child) for child in node if isinstance(child, tuple)])


def _has_methods(node: Any) -> bool:
    """Whether anything is called that may turn out to be a function in a field."""
    if type(node) is syntax.Invocation and type(node.function) is syntax.Dot:
        return True
    return any(_has_methods(child) for child in node if isinstance(child, tuple))


EXPRESSIONS: dict[type, Translator] = {syntax.Lambda: _lambda}
STATEMENTS: dict[type, Translator] = {syntax.Definition: _definition}
