"""`value.name`: methods of the language's own types, fields of structs and of the host's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from buildkit.errors import BuildError, nearest
from buildkit.lang.collection_methods import DICT_METHODS, LIST_METHODS
from buildkit.lang.functions import Method
from buildkit.lang.set_methods import SET_METHODS
from buildkit.lang.string_methods import BYTES_METHODS, STRING_METHODS
from buildkit.lang.values import Dict, HostValue, List, Set, Struct, Value, type_name

METHODS: dict[type, dict[str, Callable[..., Value]]] = {
    str: STRING_METHODS,
    bytes: BYTES_METHODS,
    List: LIST_METHODS,
    Dict: DICT_METHODS,
    Set: SET_METHODS,
}


def attribute(value: Any, name: str) -> Value:
    """The field or method of a value. Raises BuildError, with the nearest name, where there is none."""
    methods = METHODS.get(type(value))
    if methods is not None:
        if name in methods:
            return Method(name, methods[name], value)
    elif isinstance(value, Struct):
        if name in value.fields:
            return value.fields[name]
    elif isinstance(value, HostValue):
        try:
            return value.attribute(name)
        except KeyError:
            pass
    near = nearest(name, attribute_names(value))
    meant = f" (did you mean .{near}?)" if near else ""
    raise BuildError(f"{type_name(value)} has no .{name} field or method{meant}")


def attribute_names(value: Any) -> Iterable[str]:
    """What `dir` gives, sorted."""
    methods = METHODS.get(type(value))
    if methods is not None:
        return sorted(methods)
    if isinstance(value, Struct):
        return sorted(value.fields)
    if isinstance(value, HostValue):
        return sorted(value.attributes())
    return []
