"""The operators and methods of sets, which keep the order in which their elements came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.limits import check_elements
from buildkit.lang.operators import iterable
from buildkit.lang.text import brief
from buildkit.lang.values import Set, Value, from_key, to_key


def _tokens(values: Any, method: str) -> dict[Any, None]:
    if type(values) is Set:
        return values.entries
    return dict.fromkeys(map(to_key, iterable(values, method)))


def _all_tokens(others: tuple[Value, ...], method: str) -> list[dict[Any, None]]:
    return [_tokens(other, method) for other in others]


def _add(self: Set, element: Value, /) -> None:
    token = to_key(element)
    if token not in self.entries:
        self.check_mutable("insert into")
        check_elements(len(self.entries) + 1)
        self.entries[token] = None


def _clear(self: Set, /) -> None:
    if self.entries:
        self.check_mutable("clear")
        self.entries.clear()


def _difference(self: Set, /, *others: Value) -> Set:
    without = _all_tokens(others, "difference")
    return Set.of({token: None for token in self.entries if not any(token in other for other in without)})


def _difference_update(self: Set, /, *others: Value) -> None:
    self.check_mutable("delete from")
    self.entries = _difference(self, *others).entries


def _discard(self: Set, element: Value, /) -> None:
    token = to_key(element)
    if token in self.entries:
        self.check_mutable("delete from")
        del self.entries[token]


def _intersection(self: Set, /, *others: Value) -> Set:
    within = _all_tokens(others, "intersection")
    return Set.of({token: None for token in self.entries if all(token in other for other in within)})


def _intersection_update(self: Set, /, *others: Value) -> None:
    self.check_mutable("delete from")
    self.entries = _intersection(self, *others).entries


def _isdisjoint(self: Set, other: Value, /) -> bool:
    return self.entries.keys().isdisjoint(_tokens(other, "isdisjoint"))


def _issubset(self: Set, other: Value, /) -> bool:
    return self.entries.keys() <= _tokens(other, "issubset").keys()


def _issuperset(self: Set, other: Value, /) -> bool:
    return self.entries.keys() >= _tokens(other, "issuperset").keys()


def _pop(self: Set, /) -> Value:
    if not self.entries:
        raise BuildError("pop(): empty set")
    self.check_mutable("delete from")
    token = next(iter(self.entries))
    del self.entries[token]
    return from_key(token)


def _remove(self: Set, element: Value, /) -> None:
    token = to_key(element)
    if token not in self.entries:
        raise BuildError(f"remove(): element {brief(element)} not found in set")
    self.check_mutable("delete from")
    del self.entries[token]


def _symmetric_difference(self: Set, other: Value, /) -> Set:
    others = _tokens(other, "symmetric_difference")
    left = {token: None for token in self.entries if token not in others}
    return Set.of(left | {token: None for token in others if token not in self.entries})


def _symmetric_difference_update(self: Set, other: Value, /) -> None:
    self.check_mutable("change")
    self.entries = _symmetric_difference(self, other).entries


def _union(self: Set, /, *others: Value) -> Set:
    entries = dict(self.entries)
    for other in _all_tokens(others, "union"):
        entries |= other
    check_elements(len(entries))
    return Set.of(entries)


def _update(self: Set, /, *others: Value) -> None:
    self.check_mutable("insert into")
    self.entries = _union(self, *others).entries


SET_METHODS: dict[str, Callable[..., Value]] = {
    "add": _add,
    "clear": _clear,
    "difference": _difference,
    "difference_update": _difference_update,
    "discard": _discard,
    "intersection": _intersection,
    "intersection_update": _intersection_update,
    "isdisjoint": _isdisjoint,
    "issubset": _issubset,
    "issuperset": _issuperset,
    "pop": _pop,
    "remove": _remove,
    "symmetric_difference": _symmetric_difference,
    "symmetric_difference_update": _symmetric_difference_update,
    "union": _union,
    "update": _update,
}
