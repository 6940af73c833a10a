"""Operators → closures. The frequent ones try small integers first and leave the rest to `operators`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from buildkit.errors import BuildError
from buildkit.lang import operators, syntax
from buildkit.lang.compilation import Frame, Run, Unit, charge


def compile_unary(unit: Unit, node: syntax.Unary) -> Run:
    """`not x`, `-x`, `+x`, `~x`."""
    operand = unit.compile(node.operand)
    operator = node.operator
    if operator == "not":
        return lambda frame: not operand(frame)

    def run(frame: Frame) -> Any:
        try:
            return operators.unary(operator, operand(frame))
        except BuildError as error:
            raise unit.place(error, node) from None

    return run


def compile_binary(unit: Unit, node: syntax.Binary) -> Run:
    """One operation, or a chain of them."""
    operands = [unit.compile(operand) for operand in node.operands]
    if node.operators[0] in ("and", "or"):
        return _logical(node.operators[0] == "and", operands)
    run = operands[0]
    if len(operands) > 16:
        return _long_chain(unit, node, operands)
    for operator, operand, right in zip(node.operators, operands[1:], node.operands[1:], strict=True):
        part = node._replace(end=right.end)
        run = _operation(unit, part, operator, run, operand)
    return run


def _logical(conjunction: bool, operands: list[Run]) -> Run:
    *leading, last = operands

    def run_and(frame: Frame) -> Any:
        for operand in leading:
            value = operand(frame)
            if not value:
                return value
        return last(frame)

    def run_or(frame: Frame) -> Any:
        for operand in leading:
            value = operand(frame)
            if value:
                return value
        return last(frame)

    return run_and if conjunction else run_or


def _long_chain(unit: Unit, node: syntax.Binary, operands: list[Run]) -> Run:
    functions_ = [operators.BINARY[operator] for operator in node.operators]
    steps = list(zip(functions_, operands[1:], strict=True))
    first = operands[0]

    def run(frame: Frame) -> Any:
        value = first(frame)
        for function, operand in steps:
            right = operand(frame)
            try:
                value = function(value, right)
            except BuildError as error:
                raise unit.place(error, node) from None
            charge(frame, value, unit, node)
        return value

    return run


def _operation(unit: Unit, node: Any, operator: str, left: Run, right: Run) -> Run:
    maker = _QUICK.get(operator)
    slow = _general(unit, node, operator)
    if maker is not None:
        return maker(left, right, slow)
    return lambda frame: slow(frame, left(frame), right(frame))


def _general(unit: Unit, node: Any, operator: str) -> Callable[[Frame, Any, Any], Any]:
    function = operators.BINARY[operator]

    def run(frame: Frame, left: Any, right: Any) -> Any:
        try:
            value = function(left, right)
        except BuildError as error:
            raise unit.place(error, node) from None
        kind = type(value)
        if kind is not int and kind is not bool:
            charge(frame, value, unit, node)
        return value

    return run


Slow: TypeAlias = Callable[[Frame, Any, Any], Any]


_SMALL = 1 << 64


def _quick_add(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            value = one + two
            if -_SMALL < value < _SMALL:
                return value
        return slow(frame, one, two)

    return run


def _quick_subtract(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            value = one - two
            if -_SMALL < value < _SMALL:
                return value
        return slow(frame, one, two)

    return run


def _quick_modulo(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int and two:
            return one % two
        return slow(frame, one, two)

    return run


def _quick_equal(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        kind = type(one)
        if kind is type(two) and (kind is str or kind is int):
            return one == two
        return slow(frame, one, two)

    return run


def _quick_less(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            return one < two
        return slow(frame, one, two)

    return run


def _quick_greater(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            return one > two
        return slow(frame, one, two)

    return run


_QUICK: dict[str, Callable[[Run, Run, Slow], Run]] = {
    "+": _quick_add,
    "-": _quick_subtract,
    "%": _quick_modulo,
    "==": _quick_equal,
    "<": _quick_less,
    ">": _quick_greater,
}
