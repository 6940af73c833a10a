"""Syntax → Python code: a function or an expression of a file, ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from buildkit.lang import (
    translate_call,
    translate_expression,
    translate_function,
    translate_operators,
    translate_statement,
)
from buildkit.lang.functions import Code
from buildkit.lang.inference import Kind
from buildkit.lang.resolver import Variable
from buildkit.lang.thread import Thread
from buildkit.lang.translation import Translator, Unit, Writer
from buildkit.lang.values import Value

_TRANSLATORS: Mapping[type, Translator] = {
    **translate_expression.EXPRESSIONS,
    **translate_operators.EXPRESSIONS,
    **translate_call.EXPRESSIONS,
    **translate_function.EXPRESSIONS,
    **translate_function.STATEMENTS,
    **translate_statement.STATEMENTS,
}


def function_of(
    unit: Unit, node: Any, code: Code, body: Sequence[Any], arguments: Sequence[Value]
) -> Callable[..., Value]:
    """The Python function of a top-level `def` or `lambda`: it takes the thread, and all parameters by position.

    It is made for arguments of the types that its first call has; others it hands to a general form of itself.
    """
    known = translate_function.typical(unit, node, body, arguments)
    if not known:
        return _written(unit, node, code, body, {}, "")

    def general(thread: Thread, *values: Value) -> Value:
        function = unit.namespace[name] = _written(unit, node, code, body, {}, "")
        return function(thread, *values)

    name = unit.constant(general)
    return _written(unit, node, code, body, known, name)


def _written(
    unit: Unit, node: Any, code: Code, body: Sequence[Any], known: Mapping[Variable, Kind], general: str
) -> Callable[..., Value]:
    writer = Writer(unit, _TRANSLATORS)
    translate_function.write(writer, node, code, body, "f", known, general)
    return unit.run(writer, "f")  # type: ignore[no-any-return]


def thunk_of(unit: Unit, node: Any) -> Callable[..., Value]:
    """A Python function that evaluates an expression: it takes the thread."""
    writer = Writer(unit, _TRANSLATORS)
    writer.inference.settle({}, (node,))
    with writer.block("def f(T):"):
        writer.line(f"return {writer.expression(node).text}", node)
    return unit.run(writer, "f")  # type: ignore[no-any-return]
