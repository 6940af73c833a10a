"""Values of the language ↔ plain Python values, all the way down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.lang.limits import DEPTH, too_deep
from buildkit.lang.values import Dict, List, Range, Struct, Value, freeze


def to_python(value: Any, depth: int = 0) -> Any:
    """List → list, Dict → dict, Struct → dict, Range → list, tuple → tuple; all else as it is."""
    if depth > DEPTH:
        raise too_deep("converted")
    if isinstance(value, (List, Range)):
        return [to_python(item, depth + 1) for item in value]
    if isinstance(value, tuple):
        return tuple(to_python(item, depth + 1) for item in value)
    if isinstance(value, Dict):
        return {to_python(key, depth + 1): to_python(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Struct):
        return {name: to_python(item, depth + 1) for name, item in value.fields.items()}
    return value


def from_python(value: Any) -> Value:
    """List → List, dict → Dict, tuple → tuple; frozen."""
    return freeze(_from(value))


def _from(value: Any) -> Value:
    if isinstance(value, list):
        return List([_from(item) for item in value])
    if isinstance(value, tuple):
        return tuple(_from(item) for item in value)
    if isinstance(value, Mapping):
        return Dict((_from(key), _from(item)) for key, item in value.items())
    return value
