"""Checks of the arguments that .bzl and BUILD code gives to the engine's functions.

In: a call and one of its arguments. Out: the plain Python value, or an error at the argument that says what was
expected and what was found.
"""

from __future__ import annotations

from typing import Any, TypeVar

from buildkit.errors import BuildError
from buildkit.graph.depset import Depset
from buildkit.lang import Call, Dict, List, Value, represent, type_name

_T = TypeVar("_T")


def text(call: Call, name: str, value: Value) -> str:
    """A string."""
    return _exactly(call, name, value, str, "a string")


def integer(call: Call, name: str, value: Value) -> int:
    """An int; a bool is none."""
    return _exactly(call, name, value, int, "an int")


def boolean(call: Call, name: str, value: Value) -> bool:
    """True or False."""
    return _exactly(call, name, value, bool, "a bool")


def dictionary(call: Call, name: str, value: Value) -> dict[str, Value]:
    """A dict whose keys are strings."""
    pairs = dict(value.items()) if isinstance(value, Dict) else None
    if pairs is None or not all(isinstance(key, str) for key in pairs):
        raise wrong(call, name, value, "a dict whose keys are strings")
    return pairs


def items(call: Call, name: str, value: Value) -> list[Any]:
    """The elements of a list or tuple."""
    if not isinstance(value, (List, tuple)):
        raise wrong(call, name, value, "a list")
    return list(value)


def elements(call: Call, name: str, value: Value) -> list[Any]:
    """The elements of a list, tuple or depset."""
    return value.items() if isinstance(value, Depset) else items(call, name, value)


def texts(call: Call, name: str, value: Value) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, (List, tuple)) or not all(isinstance(item, str) for item in value):
        raise wrong(call, name, value, "a list of strings")
    return tuple(str(item) for item in value)


def wrong(call: Call, name: str, value: Value, expected: str) -> BuildError:
    """The error for an argument of another type than expected."""
    return call.error(f"'{name}' must be {expected}, found {described(value)}", argument=name)


def described(value: Value) -> str:
    """A value as messages name it: its type, and for a list or dict the first element that is not a string."""
    elements: list[Value] = []
    if isinstance(value, (List, tuple)):
        elements = list(value)
    elif isinstance(value, Dict):
        elements = [element for pair in value.items() for element in pair]
    elif value is None:
        return "None"
    for element in elements:
        if not isinstance(element, str):
            return f"a {type_name(value)} with {represent(element)}"
    return f"{'an' if type_name(value)[0] in 'aeiou' else 'a'} {type_name(value)}"


def _exactly(call: Call, name: str, value: Value, kind: type[_T], expected: str) -> _T:
    if type(value) is not kind:
        raise wrong(call, name, value, expected)
    return value
