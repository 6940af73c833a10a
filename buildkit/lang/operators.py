"""Operators on values: arithmetic, order, membership.

Each is a function of values alone; a mistake is a BuildError without a place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key
from itertools import chain
from operator import ge, gt, le, lt
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.iteration import listed
from buildkit.lang.limits import DEPTH, check_bits, check_elements, check_integer, check_length, check_time, too_deep
from buildkit.lang.range import Range
from buildkit.lang.text import brief, interpolate, to_float
from buildkit.lang.values import Dict, List, Set, Value, contains, equal, type_name

_NUMBERS = (int, float)


def _numbers(left: Value, right: Value) -> bool:
    return type(left) in _NUMBERS and type(right) in _NUMBERS


def _refused(operator: str, left: Value, right: Value) -> BuildError:
    hint = "turn the other one into a string: str(x)" if operator == "+" and str in (type(left), type(right)) else None
    kinds = f"{type_name(left)} {operator} {type_name(right)}"
    return BuildError(f"unknown binary op: {kinds} (unsupported binary operation)", hint=hint)


def _by_host(operator: str, left: Any, right: Any) -> Value:
    """What a host value makes of an operator; where both are such, the left one is asked first."""
    for value, other, reflected in ((left, right, False), (right, left, True)):
        operate = getattr(value, "operate", None)
        result = operate(operator, other, reflected) if operate is not None else NotImplemented
        if result is not NotImplemented:
            return result
    raise _refused(operator, left, right)


def _number(result: Any) -> Value:
    return check_integer(result) if type(result) is int else result


def _floats(left: Any, right: Any) -> tuple[Any, Any]:
    # Python refuses some mixed operations on large integers by OverflowError; say it in our words.
    if type(left) is not type(right):
        return to_float(left), to_float(right)
    return left, right


def add(left: Any, right: Any) -> Value:
    """`left + right`."""
    if _numbers(left, right):
        left, right = _floats(left, right)
        return _number(left + right)
    kind = type(left)
    if kind is type(right):
        if kind is str or kind is bytes:
            check_length(len(left) + len(right))
            return left + right
        if kind is tuple:
            check_elements(len(left) + len(right))
            return left + right
        if kind is List:
            check_elements(len(left) + len(right))
            return List(left.items + right.items)
    return _by_host("+", left, right)


def subtract(left: Any, right: Any) -> Value:
    """`left - right`."""
    if _numbers(left, right):
        left, right = _floats(left, right)
        return _number(left - right)
    if type(left) is Set and type(right) is Set:
        return Set.of({key: None for key in left.entries if key not in right.entries})
    raise _refused("-", left, right)


def multiply(left: Any, right: Any) -> Value:
    """`left * right`."""
    if _numbers(left, right):
        if type(left) is int and type(right) is int:
            bits = left.bit_length() + right.bit_length()
            if bits > 64:
                check_bits(bits - 1)
        left, right = _floats(left, right)
        return _number(left * right)
    if type(left) is int:
        left, right = right, left
    if type(right) is int:
        count = max(right, 0)
        if type(left) is str or type(left) is bytes:
            _check_repeat(len(left), count, check_length)
            return left * count
        if type(left) is tuple:
            _check_repeat(len(left), count, check_elements)
            return left * count
        if type(left) is List:
            _check_repeat(len(left), count, check_elements)
            return List(left.items * count)
    raise _refused("*", left, right)


def _check_repeat(size: int, count: int, check: Callable[[int], None]) -> None:
    try:
        check(size * count)
    except BuildError as error:
        said = f"repeat count {count} too large: excessive repeat ({size} * {count} elements)"
        raise BuildError(f"{said}: {error.message.rpartition(': ')[2]}", hint=error.hint) from None


def divide(left: Any, right: Any) -> Value:
    """`left / right`: always a float."""
    if not _numbers(left, right):
        raise _refused("/", left, right)
    if right == 0:
        raise BuildError("floating-point division by zero")
    try:
        return left / right
    except OverflowError:
        raise BuildError("int too large to convert to float") from None


def floor_divide(left: Any, right: Any) -> Value:
    """`left // right`."""
    if not _numbers(left, right):
        raise _refused("//", left, right)
    if right == 0:
        kind = "floored" if float in (type(left), type(right)) else "integer"
        raise BuildError(f"{kind} division by zero")
    left, right = _floats(left, right)
    if type(left) is float:
        quotient = left / right
        # The sign of a zero is kept, which an integer has none of.
        return math.copysign(math.floor(quotient), quotient) if math.isfinite(quotient) else quotient
    return left // right


def modulo(left: Any, right: Any) -> Value:
    """`left % right`: the remainder, with the divisor's sign; or a string formatted."""
    if type(left) is str:
        return interpolate(left, right)
    if not _numbers(left, right):
        raise _refused("%", left, right)
    if right == 0:
        raise BuildError(
            "integer modulo by zero" if type(left) is int and type(right) is int else "floating-point modulo by zero"
        )
    left, right = _floats(left, right)
    if type(left) is float and math.isinf(left):
        return math.nan
    return left % right


def union(left: Any, right: Any) -> Value:
    """`left | right`: bits, or two dicts with the right one's values first."""
    if type(left) is int and type(right) is int:
        return left | right
    if type(left) is Dict and type(right) is Dict:
        result = Dict()
        result.entries = left.entries | right.entries
        return result
    if type(left) is Set and type(right) is Set:
        return Set.of(left.entries | right.entries)
    return _by_host("|", left, right)


def _bits(symbol: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Value]:
    def operate(left: Any, right: Any) -> Value:
        if type(left) is int and type(right) is int:
            return function(left, right)
        if type(left) is Set and type(right) is Set:
            keys = function(left.entries.keys(), right.entries.keys())
            return Set.of({key: None for key in left.entries | right.entries if key in keys})
        raise _refused(symbol, left, right)

    return operate


def shift_left(left: Any, right: Any) -> Value:
    """`left << right`."""
    if type(left) is not int or type(right) is not int:
        raise _refused("<<", left, right)
    _check_shift(right)
    if left:
        check_bits(left.bit_length() + right)
    return left << right if left else 0


def shift_right(left: Any, right: Any) -> Value:
    """`left >> right`."""
    if type(left) is not int or type(right) is not int:
        raise _refused(">>", left, right)
    _check_shift(right)
    return left >> min(right, left.bit_length() + 1)


def _check_shift(count: int) -> None:
    if count < 0:
        raise BuildError(f"negative shift count: {count}")


def member(left: Any, right: Any) -> bool:
    """`left in right`."""
    kind = type(right)
    if kind is List or kind is tuple:
        return contains(right, left)
    if kind is Dict or kind is Range or kind is Set:
        return left in right
    if kind is str:
        if type(left) is str:
            return left in right
        raise BuildError(f"'in <string>' requires string as left operand, not {type_name(left)}")
    if kind is bytes:
        if type(left) is int and not 0 <= left < 256:
            raise BuildError(f"int in bytes: {brief(left)} out of range, want 0 to 255")
        if type(left) is bytes or type(left) is int:
            return left in right
        raise BuildError(f"'in <bytes>' requires bytes or int as left operand, not {type_name(left)}")
    test = getattr(right, "contains", None)
    if test is not None:
        return bool(test(left))
    raise _refused("in", left, right)


_ORDERED = (str, bytes, bool)
_ALONE = frozenset((str, int, bytes))
_SHORT = 1 << 26
_RUN = 1 << 20


def order(left: Any, right: Any, operator: str = "<", depth: int = 0) -> int:
    """-1, 0 or 1: how two values compare. Raises BuildError for values without an order."""
    kind = type(left)
    check_time()
    if kind is type(right):
        if kind is int or kind in _ORDERED:
            return int(left > right) - int(left < right)
        if kind is tuple or kind is List:
            return _order_sequences(left, right, operator, depth)
    if _numbers(left, right):
        if left != left or right != right:
            return int(left != left) - int(right != right)
        return int(left > right) - int(left < right)
    raise BuildError(f"unsupported comparison: {type_name(left)} {operator} {type_name(right)} not implemented")


def _order_sequences(left: Sequence[Any], right: Sequence[Any], operator: str, depth: int) -> int:
    if depth > DEPTH:
        raise too_deep("compared")
    for place, (one, two) in enumerate(zip(left, right, strict=False)):
        if not place % 64:
            check_time()
        if not equal(one, two):
            return order(one, two, operator, depth + 1)
    return (len(left) > len(right)) - (len(left) < len(right))


def sorts_alone(values: Sequence[Any]) -> bool:
    """Whether Python orders values as Starlark does: strings, integers, or tuples of these, alike in each place."""
    kinds = set(map(type, values))
    if kinds == {tuple}:
        shapes = {tuple(map(type, value)) for value in values}
        return len(shapes) == 1 and set(shapes.pop()) <= _ALONE and _are_short(chain.from_iterable(values))
    return len(kinds) <= 1 and kinds <= _ALONE and (kinds == {int} or _are_short(values))


def _are_short(values: Iterable[Any]) -> bool:
    """Whether strings are short enough, all together, to be compared many times."""
    return sum(len(value) for value in values if type(value) is not int) <= _SHORT


def arrange(values: list[Any], key: Callable[[Any], Any] | None, *, descending: bool) -> None:
    """Sort a list in place; a long one in runs, which are then merged, with looks at the clock."""
    width = _RUN
    for start in range(0, len(values), width):
        values[start : start + width] = sorted(values[start : start + width], key=key, reverse=descending)
        check_time()
    while width < len(values):
        width *= 2
        for start in range(0, len(values), width):
            values[start : start + width] = sorted(values[start : start + width], key=key, reverse=descending)
            check_time()


def sort_values(values: Iterable[Value], *, descending: bool) -> list[Value]:
    """Values in order; equal ones keep theirs."""
    listed = list(values)
    arrange(listed, None if sorts_alone(listed) else cmp_to_key(order), descending=descending)
    return listed


_CONTAIN: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def _compare(symbol: str, accept: Callable[[int], bool]) -> Callable[[Any, Any], bool]:
    def operate(left: Any, right: Any) -> bool:
        if type(left) is Set and type(right) is Set:
            return bool(_CONTAIN[symbol](left.entries.keys(), right.entries.keys()))
        return accept(order(left, right, symbol))

    return operate


BINARY: dict[str, Callable[[Any, Any], Value]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": modulo,
    "|": union,
    "&": _bits("&", lambda left, right: left & right),
    "^": _bits("^", lambda left, right: left ^ right),
    "<<": shift_left,
    ">>": shift_right,
    "in": member,
    "not in": lambda left, right: not member(left, right),
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _compare("<", lambda sign: sign < 0),
    "<=": _compare("<=", lambda sign: sign <= 0),
    ">": _compare(">", lambda sign: sign > 0),
    ">=": _compare(">=", lambda sign: sign >= 0),
}


def unary(operator: str, value: Any) -> Value:
    """`-x`, `+x`, `~x`."""
    if type(value) is int and operator == "~":
        return ~value
    if operator != "~" and (type(value) is int or type(value) is float):
        return -value if operator == "-" else value
    raise BuildError(f"unsupported unary operation: {operator}{type_name(value)}")


def addend(current: List, value: Any) -> list[Value]:
    """What `current += value` adds to a list. Raises BuildError where the value is not iterable."""
    try:
        return listed(value)
    except BuildError as error:
        raise _refused("+", current, value) if error.message.endswith("not iterable") else error from None
