"""Subscripts: `x[i]`, `x[low:high:step]` and `x[i] = v`.

In: a value and what stands in brackets. Out: an element or a part, or a BuildError without a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.lang.limits import check_integer
from buildkit.lang.range import Range
from buildkit.lang.text import brief
from buildkit.lang.values import Dict, List, Value, type_name


def index(value: Any, key: Any) -> Value:
    """`value[key]`."""
    kind = type(value)
    if kind is Dict:
        try:
            return value[key]
        except KeyError:
            raise _no_key(value, key) from None
    if kind is List or kind is tuple or kind is str or kind is bytes or kind is Range:
        size = value.count() if kind is Range else len(value)
        return value[position(key, size, type_name(value))]
    lookup = getattr(value, "index", None)
    if lookup is not None and not isinstance(value, (int, float)):
        try:
            return lookup(key)
        except KeyError:
            raise BuildError(f"key {brief(key)} not found in {type_name(value)}") from None
    raise BuildError(f"unhandled index operation: value of type '{type_name(value)}' cannot be indexed")


def _no_key(value: Iterable[Value], key: Value) -> BuildError:
    hint = did_you_mean(key, [name for name in value if type(name) is str]) if type(key) is str else None
    return BuildError(f"key {brief(key)} not in dict", hint=hint)


def position(key: Any, size: int, kind: str) -> int:
    """A place in a sequence, from its start; negative ones count from the end. Raises BuildError outside."""
    if type(key) is not int:
        raise BuildError(f"invalid index of a {kind}: got {type_name(key)}, want int")
    place = key + size if key < 0 else key
    if not 0 <= place < size:
        shown = key if abs(key) < 10**20 else "given"
        if not size:
            raise BuildError(f"{kind} index {shown} out of range: the {kind} is empty")
        raise BuildError(f"{kind} index {shown} out of range [-{size}:{size - 1}]")
    return place


def take_slice(value: Any, low: Any, high: Any, step: Any) -> Value:
    """`value[low:high:step]`."""
    if step is not None and type(step) is not int:
        raise BuildError(f"got {type_name(step)} for slice step, want int")
    for name, bound in (("start", low), ("end", high)):
        if bound is not None and type(bound) is not int:
            raise BuildError(f"invalid {name} index: got {type_name(bound)}, want int")
    if step == 0:
        raise BuildError("slice step cannot be zero")
    kind = type(value)
    part = slice(low, high, step)
    if kind is List:
        return List(value.items[part])
    if kind is tuple or kind is str or kind is bytes:
        return value[part]
    if kind is Range:
        numbers = value.numbers[part]
        check_integer(numbers.step)
        check_integer(numbers.start)
        check_integer(numbers.stop)
        return Range(numbers)
    raise BuildError(f"value of type '{type_name(value)}' cannot be sliced")


def store(container: Any, key: Any, value: Value) -> None:
    """`container[key] = value`."""
    kind = type(container)
    if kind is Dict:
        container[key] = value
    elif kind is List:
        container.check_mutable("assign to element of")
        container.items[position(key, len(container.items), "list")] = value
    else:
        raise BuildError(f"value of type '{type_name(container)}' does not support item assignment")
