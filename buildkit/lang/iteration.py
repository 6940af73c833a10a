"""Iteration: the elements of a value, as a function, a loop or an operator takes them.

In: any value. Out: its elements, or a BuildError without a place where it has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.limits import check_elements
from buildkit.lang.range import Range
from buildkit.lang.values import Dict, List, Set, Value, type_name


def elements(value: Any) -> Iterable[Value]:
    """What iterating over a value gives. Raises BuildError where it is not iterable."""
    kind = type(value)
    if kind is List:
        return value.items  # type: ignore[no-any-return]
    if kind is tuple:
        return value  # type: ignore[no-any-return]
    if kind is Dict:
        return value.keys()  # type: ignore[no-any-return]
    if kind is Set:
        return list(value)
    if kind is Range:
        return value.numbers  # type: ignore[no-any-return]
    iterate = getattr(value, "iterate", None)
    if iterate is not None:
        return iterate()  # type: ignore[no-any-return]
    hint = "use x.elems()" if kind is str or kind is bytes else None
    raise BuildError(f"{type_name(value)} value is not iterable", hint=hint)


def listed(value: Any) -> list[Value]:
    """The elements of a value as a new Python list, within bounds."""
    if type(value) is Range:
        check_elements(value.count())
    return list(elements(value))


def iterable(value: Any, function: str, parameter: str | int = "iterable") -> list[Value]:
    """The elements of a function's parameter as a new Python list. Raises BuildError where it is not iterable."""
    try:
        return listed(value)
    except BuildError as error:
        kind = type_name(value)
        if not error.message.endswith("not iterable"):
            raise
        message = f"{function}: for parameter {parameter}: got {kind}, want iterable: type '{kind}' is not iterable"
        raise BuildError(message, hint=error.hint) from None
