"""Freezing: what a file has made can be shared by all that load it, since nothing changes it any more.

In: a value. Out: the same value, and all that it holds, immutable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from buildkit.lang.values import Dict, List, Set, Struct, Value

_ATOMS = frozenset((str, int, bytes, bool, float, type(None)))


def freeze(value: Value) -> Value:
    """Make a value and all that it holds immutable, and return it."""
    pending, seen = [value], set()
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind in _ATOMS or id(item) in seen:
            continue
        seen.add(id(item))
        pending += _held(item)
    return value


def _held(item: Any) -> Iterable[Value]:
    """What a value holds; lists and dicts are marked on the way."""
    kind = type(item)
    if kind is tuple:
        return item  # type: ignore[no-any-return]
    if kind is List or kind is Dict or kind is Set:
        if item.frozen:
            return ()
        item.frozen = True
        return item.items if kind is List else [*item, *item.entries.values()]
    if isinstance(item, Struct):
        return item.fields.values()
    holds: Callable[[], Iterable[Value]] | None = getattr(item, "holds", None)
    if holds is not None:
        return holds()
    notify = getattr(item, "freeze", None)
    if notify is not None:
        notify()
    return ()
