"""What translated code calls: operations in their general form, and the counting of steps.

`RUNTIME` has everything that the names of translated code may mean, besides the program's own variables and constants.
Mistakes are BuildErrors without a place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import iteration, operators, subscripts
from buildkit.lang.attributes import attribute
from buildkit.lang.functions import Call, Code, Function, invoke, weight
from buildkit.lang.limits import check_elements, check_integer, check_length, exceeded
from buildkit.lang.range import Range
from buildkit.lang.set_methods import SET_METHODS
from buildkit.lang.text import brief
from buildkit.lang.thread import UNBOUND, Site, Thread
from buildkit.lang.values import Dict, HostValue, List, Set, Value, equal, to_key, type_name

CHUNK = 4096  # elements of a long loop that are charged at once
LONG = 1024  # what is shorter is not charged
_RANGE = 1 << 62


def refuse(thread: Thread, code: Code) -> None:
    """Say why a function may not be called now."""
    if code.key in thread.active:
        raise BuildError(f"function {code.name} called recursively", hint="use a loop")
    raise exceeded("calls are nested too deeply", "depth", thread.deepest)


def invoke_marked(
    key: int, thread: Thread, function: Value, positional: list[Value], keyword: dict[str, Value], site: Site
) -> Value:
    """A call out of a function that does not say by itself that it is active."""
    thread.active[key] = None
    result = invoke(thread, function, positional, keyword, site)
    del thread.active[key]
    return result


def rounds(thread: Thread, values: Any) -> Iterable[Value]:
    """What a loop goes over, its rounds charged; those of a long one as they come."""
    count = len(values)
    if count > CHUNK:
        return chain.from_iterable(_chunks(thread, values))
    thread.left -= count
    if thread.left < 0:
        thread.refill()
    return values  # type: ignore[no-any-return]


def _chunks(thread: Thread, values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        thread.charge(len(part))
        yield part


def upto(thread: Thread, make: Callable[..., Range], stop: Any) -> Iterable[int]:
    """What a loop over `range(stop)` goes over."""
    if type(stop) is int and 0 <= stop <= CHUNK:
        thread.left -= stop
        if thread.left < 0:
            thread.refill()
        return range(stop)
    return counted(thread, make(stop).numbers)


def between(thread: Thread, make: Callable[..., Range], start: Any, stop: Any, step: Any = 1) -> Iterable[int]:
    """What a loop over `range(start, stop, step)` goes over."""
    plain = type(start) is int and type(stop) is int and type(step) is int and 0 < step < _RANGE
    if plain and -_RANGE < start < _RANGE and start - CHUNK < stop <= start + CHUNK:
        thread.left -= stop - start if stop > start else 0
        if thread.left < 0:
            thread.refill()
        return range(start, stop, step)
    return counted(thread, make(start, stop, step).numbers)


def counted(thread: Thread, numbers: range) -> Iterable[int]:
    """A range that a loop goes over."""
    if not (-_RANGE < numbers.start < _RANGE and -_RANGE < numbers.stop < _RANGE and -_RANGE < numbers.step < _RANGE):
        raise BuildError("range is too large for a loop: the bound of its numbers is 62 bits")
    return rounds(thread, numbers)  # type: ignore[return-value]


def over(thread: Thread, value: Any) -> Iterable[Value]:
    """The elements that a loop goes over, which nothing changes meanwhile."""
    kind = type(value)
    if kind is List or kind is tuple:
        values = value.items if kind is List else value
        count = len(values)
        if count <= CHUNK:
            thread.left -= count
            if thread.left < 0:
                thread.refill()
            return values  # type: ignore[no-any-return]
        return rounds(thread, values)
    if kind is Range:
        return counted(thread, value.numbers)
    elements = iteration.elements(value)
    return rounds(thread, elements if type(elements) is list else list(elements))


def iterate(thread: Thread, value: Any) -> Iterable[Value]:
    """The elements that a loop goes over; a list, dict or set may not change until `release`."""
    elements = over(thread, value)  # counting may fail, and then nothing is iterated over
    if type(value) in (List, Dict, Set):
        value.iterating += 1
    return elements


def release(value: Any) -> None:
    """A loop over a value is over."""
    if type(value) in (List, Dict, Set):
        value.iterating -= 1


def sized(thread: Thread, value: Any) -> Value:
    """A value that may be large: its size is charged, so that the bound on steps bounds memory and time as well."""
    kind = type(value)
    if kind is str or kind is bytes:
        cost = len(value) >> 4
    elif kind is List:
        cost = len(value.items)
    elif kind is tuple or kind is Dict or kind is Set:
        cost = len(value)
    else:
        return value
    thread.left -= cost
    if thread.left < 0:
        thread.refill()
    return value


def read(thread: Thread, value: Any) -> None:
    """Charge what a function is about to go over."""
    thread.charge(weight(value))


def longer(thread: Thread, text: str) -> None:
    """Charge and check a string that has grown."""
    check_length(len(text))
    thread.charge(len(text) >> 4)


def _charged(function: Callable[[Any, Any], Value]) -> Callable[[Thread, Any, Any], Value]:
    def operate(thread: Thread, left: Any, right: Any) -> Value:
        value = function(left, right)
        kind = type(value)
        return value if kind is int or kind is float or kind is bool else sized(thread, value)

    return operate


_UPDATES = {
    "|": "update",
    "&": "intersection_update",
    "-": "difference_update",
    "^": "symmetric_difference_update",
}


def augment(thread: Thread, operator: str, current: Any, value: Any) -> Value:
    """`current operator= value`: `+=` on a list, `|=` on a dict or set change it; all else makes a new value."""
    if operator == "+" and type(current) is List and not hasattr(value, "operate"):
        current.check_mutable("apply += to")
        added = operators.addend(current, value)
        thread.charge(len(added))
        check_elements(len(current.items) + len(added))
        current.items += added
        return current
    if operator == "|" and type(current) is Dict and type(value) is Dict:
        current.check_mutable("insert into")
        current.entries.update(value.entries)
        return current
    if type(current) is Set and type(value) is Set and operator in _UPDATES:
        SET_METHODS[_UPDATES[operator]](current, value)
        return current
    return sized(thread, operators.BINARY[operator](current, value))


def mapped(entries: dict[Any, Value]) -> Dict:
    """A dict that takes over entries."""
    result = _new(Dict)
    result.entries = entries
    result.frozen = False
    result.iterating = 0
    return result


_new = object.__new__


def entry_key(entries: Mapping[Any, Value], key: Any) -> Any:
    """What stands for a key of a dict display, which may not be there yet."""
    token = to_key(key)
    if token in entries:
        raise BuildError(f"duplicate key: {brief(key)}")
    return token


def unpack(value: Any, count: int) -> Sequence[Value]:
    """The values that an assignment to `count` targets hands out."""
    if type(value) is tuple:
        values: Sequence[Value] = value
    else:
        values = _parts(value, count)
    if len(values) != count:
        few = "few" if len(values) < count else "many"
        raise BuildError(f"too {few} values to unpack (got {len(values)}, want {count})")
    return values


def _parts(value: Any, count: int) -> Sequence[Value]:
    try:
        return iteration.listed(value)
    except BuildError as error:
        if not error.message.endswith("not iterable"):
            raise
        message = f"got {type_name(value)} in sequence assignment (want {count}-element sequence): not iterable"
        raise BuildError(message, hint=error.hint) from None


def set_field(owner: Any, name: str, value: Value) -> None:
    """`owner.name = value`: only values of the host may take it."""
    if not isinstance(owner, HostValue):
        raise BuildError(f"can't assign to .{name} field of {type_name(owner)}")
    owner.assign(name, value)


def spread(positional: list[Value], value: Any) -> None:
    """Add the elements of `*value` to a call's arguments."""
    if type(value) not in (List, tuple, Dict) and not hasattr(value, "__iter__"):
        raise BuildError(f"argument after * must be iterable, not {type_name(value)}")
    positional += iteration.listed(value)


def merge(keyword: dict[str, Value], value: Any) -> None:
    """Add the entries of `**value` to a call's arguments."""
    if type(value) is not Dict:
        raise BuildError(f"argument after ** must be a dict, not {type_name(value)}")
    for name, item in value.items():
        if type(name) is not str:
            raise BuildError(f"keys of the argument after '**' must be strings, found '{type_name(name)}'")
        if name in keyword:
            raise BuildError(f'multiple values for parameter "{name}": duplicate keyword argument')
        keyword[name] = item


# How the operators are called in translated code.
OPERATORS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "modulo",
    "|": "union",
    "&": "intersect",
    "^": "differ",
    "<<": "shift_left",
    ">>": "shift_right",
    "in": "member",
    "not in": "no_member",
    "==": "equal",
    "!=": "unequal",
    "<": "less",
    "<=": "at_most",
    ">": "greater",
    ">=": "at_least",
}
COMPARISONS = frozenset(("in", "not in", "==", "!=", "<", "<=", ">", ">="))


def _general(operator: str) -> Callable[..., Value]:
    function = operators.BINARY[operator]
    return function if operator in COMPARISONS else _charged(function)


RUNTIME: Mapping[str, Any] = {
    "__builtins__": {},
    **{kind.__name__: kind for kind in (type, int, bool, str, tuple, List, Dict, Function, Call)},
    **{name: _general(operator) for operator, name in OPERATORS.items()},
    "len": len,
    "equal": equal,
    "unary": operators.unary,
    "index": subscripts.index,
    "store": subscripts.store,
    "take_slice": subscripts.take_slice,
    "attribute": attribute,
    "check_integer": check_integer,
    "to_key": to_key,
    "UNBOUND": UNBOUND,
    **{
        function.__name__: function
        for function in (
            refuse,
            invoke,
            invoke_marked,
            rounds,
            counted,
            upto,
            between,
            over,
            iterate,
            release,
            sized,
            longer,
            read,
            augment,
            mapped,
            entry_key,
            unpack,
            set_field,
            spread,
            merge,
        )
    },
}
