"""The operators and methods of sets, which keep the order in which their elements came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.iteration import iterable
from buildkit.lang.limits import check_elements, check_time
from buildkit.lang.text import brief
from buildkit.lang.values import Set, Value, from_key, to_key


def _tokens(values: Any, method: str, parameter: int = 1) -> dict[Any, None]:
    if type(values) is Set:
        return values.entries
    tokens: dict[Any, None] = {}
    for place, value in enumerate(iterable(values, method, parameter)):
        if not place % 1024:
            check_time()
        tokens[_token(value, method)] = None
    return tokens


def _token(element: Value, method: str) -> Any:
    if type(element) is str or type(element) is int:
        return element
    try:
        return to_key(element)
    except BuildError as error:
        raise BuildError(f"{method}: {error.message}", hint=error.hint) from None


def _change(self: Set, change: str, method: str) -> None:
    if self.frozen or self.iterating:
        self.check_mutable(change, f"{method}: ")


def _all_tokens(others: tuple[Value, ...], method: str) -> list[dict[Any, None]]:
    return [_tokens(other, method, place) for place, other in enumerate(others, 1)]


def _add(self: Set, element: Value, /) -> None:
    token = element if type(element) is str or type(element) is int else _token(element, "add")
    if self.frozen or self.iterating:
        _change(self, "insert into", "add")
    if token not in self.entries:
        check_elements(len(self.entries) + 1)
        self.entries[token] = None


def _clear(self: Set, /) -> None:
    if self.entries:
        _change(self, "clear", "clear")
        self.entries.clear()


def _difference(self: Set, /, *others: Value) -> Set:
    return Set.of(_less(self, others, "difference"))


def _less(self: Set, others: tuple[Value, ...], method: str) -> dict[Any, None]:
    without = _all_tokens(others, method)
    return {token: None for token in self.entries if not any(token in other for other in without)}


def _difference_update(self: Set, /, *others: Value) -> None:
    _change(self, "delete from", "difference_update")
    self.entries = _less(self, others, "difference_update")


def _discard(self: Set, element: Value, /) -> None:
    token = _token(element, "discard")
    _change(self, "delete from", "discard")
    if token in self.entries:
        del self.entries[token]


def _intersection(self: Set, /, *others: Value) -> Set:
    return Set.of(_shared(self, others, "intersection"))


def _shared(self: Set, others: tuple[Value, ...], method: str) -> dict[Any, None]:
    within = _all_tokens(others, method)
    return {token: None for token in self.entries if all(token in other for other in within)}


def _intersection_update(self: Set, /, *others: Value) -> None:
    _change(self, "delete from", "intersection_update")
    self.entries = _shared(self, others, "intersection_update")


def _isdisjoint(self: Set, other: Value, /) -> bool:
    return self.entries.keys().isdisjoint(_tokens(other, "isdisjoint"))


def _issubset(self: Set, other: Value, /) -> bool:
    return self.entries.keys() <= _tokens(other, "issubset").keys()


def _issuperset(self: Set, other: Value, /) -> bool:
    return self.entries.keys() >= _tokens(other, "issuperset").keys()


def _pop(self: Set, /) -> Value:
    if not self.entries:
        raise BuildError("pop: empty set")
    _change(self, "delete from", "pop")
    token = next(iter(self.entries))
    del self.entries[token]
    return from_key(token)


def _remove(self: Set, element: Value, /) -> None:
    token = _token(element, "remove")
    _change(self, "delete from", "remove")
    if token not in self.entries:
        raise BuildError(f"remove: missing key {brief(element)}")
    del self.entries[token]


def _symmetric_difference(self: Set, other: Value, /) -> Set:
    return Set.of(_apart(self, other, "symmetric_difference"))


def _symmetric_difference_update(self: Set, other: Value, /) -> None:
    _change(self, "insert into", "symmetric_difference_update")
    self.entries = _apart(self, other, "symmetric_difference_update")


def _apart(self: Set, other: Value, method: str) -> dict[Any, None]:
    others = _tokens(other, method)
    left = {token: None for token in self.entries if token not in others}
    return left | {token: None for token in others if token not in self.entries}


def _union(self: Set, /, *others: Value) -> Set:
    return Set.of(_together(self, others, "union"))


def _update(self: Set, /, *others: Value) -> None:
    _change(self, "insert into", "update")
    self.entries = _together(self, others, "update")


def _together(self: Set, others: tuple[Value, ...], method: str) -> dict[Any, None]:
    entries = dict(self.entries)
    for other in _all_tokens(others, method):
        entries |= other
    check_elements(len(entries))
    return entries


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
