"""The methods of lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.iteration import iterable, listed
from buildkit.lang.limits import check_elements, check_time
from buildkit.lang.subscripts import position
from buildkit.lang.text import brief
from buildkit.lang.values import Dict, List, Value, equal, from_key, to_key, type_name


def _append(self: List, item: Value, /) -> None:
    self.check_mutable("append to")
    check_elements(len(self.items) + 1)
    self.items.append(item)


def _clear_list(self: List, /) -> None:
    self.check_mutable("clear")
    self.items.clear()


def _extend(self: List, items: Value, /) -> None:
    self.check_mutable("extend")
    added = iterable(items, "extend")
    check_elements(len(self.items) + len(added))
    self.items += added


def _index(self: List, item: Value, start: Any = None, end: Any = None, /) -> int:
    size = len(self.items)
    for name, bound in (("start", start), ("end", end)):
        if bound is not None and type(bound) is not int:
            raise BuildError(f"index(): parameter '{name}' got {type_name(bound)}, want int")
    for place in range(*slice(start, end).indices(size)):
        if not place % 64:
            check_time()
        if equal(self.items[place], item):
            return place
    raise BuildError(f"index: value not in list: {brief(item)}")


def _insert(self: List, index: Any, item: Value, /) -> None:
    self.check_mutable("insert into")
    if type(index) is not int:
        raise BuildError(f"insert(): parameter 'index' got {type_name(index)}, want int")
    check_elements(len(self.items) + 1)
    size = len(self.items)
    self.items.insert(max(-size, min(index, size)), item)


def _pop_list(self: List, index: Any = -1, /) -> Value:
    self.check_mutable("pop from")
    return self.items.pop(position(index, len(self.items), "list"))


def _remove(self: List, item: Value, /) -> None:
    self.check_mutable("remove from")
    for place, one in enumerate(self.items):
        if not place % 64:
            check_time()
        if equal(one, item):
            del self.items[place]
            return
    raise BuildError(f"remove: element not found in list: {brief(item)}")


LIST_METHODS: dict[str, Callable[..., Value]] = {
    "append": _append,
    "clear": _clear_list,
    "extend": _extend,
    "index": _index,
    "insert": _insert,
    "pop": _pop_list,
    "remove": _remove,
}


def _clear_dict(self: Dict, /) -> None:
    self.check_mutable("clear")
    self.entries.clear()


def _get(self: Dict, key: Value, default: Value = None, /) -> Value:
    return self.get(key, default)


def _items(self: Dict, /) -> List:
    return List(list(self.items()))


def _keys(self: Dict, /) -> List:
    return List(self.keys())


_REQUIRED = object()


def _pop_dict(self: Dict, key: Value, default: Value = _REQUIRED, /) -> Value:
    self.check_mutable("delete from")
    token = to_key(key)
    if token in self.entries:
        return self.entries.pop(token)
    if default is _REQUIRED:
        raise BuildError(f"pop: missing key {brief(key)}")
    return default


def _popitem(self: Dict, /) -> tuple[Value, Value]:
    self.check_mutable("delete from")
    for token in self.entries:
        return from_key(token), self.entries.pop(token)
    raise BuildError("popitem: empty dict")


def _setdefault(self: Dict, key: Value, default: Value = None, /) -> Value:
    self.check_mutable("insert into")
    return self.entries.setdefault(to_key(key), default)


def _update(self: Dict, pairs: Value = (), /, **named: Value) -> None:
    self.check_mutable("insert into")
    added = Dict()
    fill(added, pairs, "update")
    self.entries |= added.entries
    self.entries |= named


def _values(self: Dict, /) -> List:
    return List(self.values())


def fill(target: Dict, pairs: Any, function: str) -> None:
    """Add a dict's entries, or pairs, to a dict."""
    if type(pairs) is Dict:
        target.entries.update(pairs.entries)
        return
    for number, pair in enumerate(iterable(pairs, function)):
        if not number % 1024:
            check_time()
        if type(pair) not in (tuple, List):
            raise BuildError(
                f"{function}: non-pair element {number} is not iterable ({type_name(pair)}): want key and value"
            )
        items = listed(pair)
        if len(items) != 2:
            raise BuildError(f"{function}(): element {number} has length {len(items)}, want 2")
        target[items[0]] = items[1]


DICT_METHODS: dict[str, Callable[..., Value]] = {
    "clear": _clear_dict,
    "get": _get,
    "items": _items,
    "keys": _keys,
    "pop": _pop_dict,
    "popitem": _popitem,
    "setdefault": _setdefault,
    "update": _update,
    "values": _values,
}
