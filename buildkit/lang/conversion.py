"""Values of the language ↔ plain Python values, all the way down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.lang.freezing import freeze
from buildkit.lang.limits import DEPTH, NODES, spend, too_deep
from buildkit.lang.operators import sort_values
from buildkit.lang.range import Range
from buildkit.lang.values import Dict, List, Set, Struct, Value


def to_python(value: Any) -> Any:
    """List, Set → list, Dict → dict, Struct → dict, Range → list, tuple → tuple; all else as it is."""
    return _to(value, 0, [NODES])


def _to(value: Any, depth: int, budget: list[int]) -> Any:
    if not isinstance(value, (List, Range, Set, tuple, Dict, Struct)):
        return value
    if depth > DEPTH:
        raise too_deep("converted")
    if isinstance(value, (Dict, Struct)):
        pairs = value.items() if isinstance(value, Dict) else list(value.fields.items())
        spend(budget, len(pairs), "converted")
        return {_to(key, depth + 1, budget): _to(item, depth + 1, budget) for key, item in pairs}
    spend(budget, value.count() if isinstance(value, Range) else len(value), "converted")
    items = [_to(item, depth + 1, budget) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def from_python(value: Any) -> Value:
    """List → List, dict → Dict, set → Set (sorted), tuple → tuple; frozen."""
    return freeze(_from(value))


def _from(value: Any) -> Value:
    if isinstance(value, list):
        return List([_from(item) for item in value])
    if isinstance(value, tuple):
        return tuple(_from(item) for item in value)
    if isinstance(value, (set, frozenset)):
        return Set(sort_values(map(_from, value), descending=False))
    if isinstance(value, Mapping):
        return Dict((_from(key), _from(item)) for key, item in value.items())
    return value
