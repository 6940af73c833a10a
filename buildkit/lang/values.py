"""The values of the language that are not Python's own, and what holds for all of them.

None, bool, int, float, str, bytes and tuple are Python's. `List`, `Dict`, `Set` and `Struct` are here because
Starlark's differ: `True` and `1` are different keys, values freeze, and nothing changes while it is iterated over.
`HostValue` is the base of what the engine adds. Mistakes are BuildErrors without a place; the evaluator adds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from buildkit.errors import BuildError
from buildkit.lang.limits import DEPTH, NODES, check_elements, check_time, spend, too_deep
from buildkit.lang.range import Range

Value: TypeAlias = object


class HostValue:
    """Base class of values that the engine supplies, such as labels and artifacts.

    A subclass may define `invoke(call, positional, keyword)` to be callable, `freeze()` to hear that its file has run
    (or `holds()`, to name the values that freeze with it), and `exported(name)` to hear which top-level name of a .bzl
    file it is assigned to: it may hear others later, from files that load it, and keeps the first. One that defines
    `operate(operator, other, reflected)` takes part in `+` and `|`, on the right side where `reflected`; it returns
    NotImplemented for what it does not take.
    """

    __slots__ = ()
    type_name: ClassVar[str] = "value"

    def attribute(self, name: str) -> Value:
        """The value of a field or method; KeyError where there is none."""
        raise KeyError(name)

    def assign(self, name: str, value: Value) -> None:
        """`x.name = value`: refused unless a subclass takes it. Raises BuildError."""
        raise BuildError(f"can't assign to .{name} field of {self.type_name}")

    def attributes(self) -> Iterable[str]:
        """The names that `attribute` knows."""
        return ()

    def represent(self) -> str:
        """What `repr` shows."""
        return f"<{self.type_name}>"

    def display(self) -> str:
        """What `str` and `print` show."""
        return self.represent()


class List:
    """A list. `List(items)` takes over a Python list rather than copying it."""

    __slots__ = ("frozen", "items", "iterating")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Iterable[Value] = ()) -> None:
        self.items: list[Value] = items if type(items) is list else list(items)
        self.frozen = False
        self.iterating = 0

    def check_mutable(self, change: str = "change") -> None:
        """Raise BuildError if the list is frozen or being iterated over; `change` is what was to be done."""
        if self.frozen or self.iterating:
            raise _immutable(change, "list", self.frozen)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Value:
        return self.items[index]

    def __contains__(self, value: Value) -> bool:
        return contains(self.items, value)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"List({self.items!r})"


class _Key:
    """Stands for a dict key that Python would confuse with another: True is not 1, and NaN is itself."""

    __slots__ = ("original", "token")

    def __init__(self, original: Value, token: Value) -> None:
        self.original = original
        self.token = token

    def __hash__(self) -> int:
        return hash(self.token)

    def __eq__(self, other: object) -> bool:
        return type(other) is _Key and self.token == other.token


_LARGE = 1024
_BOOL_KEYS = {True: _Key(True, ("bool", True)), False: _Key(False, ("bool", False))}


def to_key(value: Value) -> Any:
    """What stands for a value as a key of a Python dict. Raises BuildError for what is not hashable."""
    kind = type(value)
    if kind is str or kind is int:
        return value
    return _key(value, 0, [NODES])


def _key(value: Any, depth: int, budget: list[int]) -> Any:
    kind = type(value)
    if kind is bool:
        return _BOOL_KEYS[value]
    if kind is float:
        return value if value == value else _Key(value, ("nan",))
    if kind is tuple:
        parts = _keys(value, depth, budget)
        return value if all(map(_is, parts, value)) else _Key(value, ("tuple", parts))
    if isinstance(value, Struct):
        parts = _keys(tuple(value.fields.values()), depth, budget)
        return _Key(value, ("struct", value.constructor, tuple(value.fields), parts))
    try:
        hash(value)
    except TypeError:
        hint = "use a tuple" if kind is List else None
        raise BuildError(f"unhashable type: {type_name(value)}", hint=hint) from None
    return value


def _keys(values: tuple[Value, ...], depth: int, budget: list[int]) -> tuple[Any, ...]:
    if depth > DEPTH:
        raise too_deep("a key")
    spend(budget, len(values), "a key")
    check_time()
    return tuple([_key(value, depth + 1, budget) for value in values])


def _is(left: object, right: object) -> bool:
    return left is right


def keys_of(values: Iterable[Value]) -> dict[Any, None]:
    """What stands for values as the elements of a set. Raises BuildError for what is not hashable."""
    keys: dict[Any, None] = {}
    for place, value in enumerate(values):
        if not place % _LARGE:
            check_time()
        keys[to_key(value)] = None
    return keys


def from_key(key: Any) -> Value:
    """The value that a key stands for."""
    return key.original if type(key) is _Key else key


class Dict:
    """A dict in insertion order. Python code reads it with `in`, `[]`, `get`, `items` and iteration."""

    __slots__ = ("entries", "frozen", "iterating")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Mapping[Any, Value] | Iterable[tuple[Value, Value]] = ()) -> None:
        self.entries: dict[Any, Value] = {}
        self.frozen = False
        self.iterating = 0
        pairs = items.items() if isinstance(items, (Mapping, Dict)) else items
        for key, value in pairs:
            self.entries[to_key(key)] = value

    def check_mutable(self, change: str = "change") -> None:
        """Raise BuildError if the dict is frozen or being iterated over; `change` is what was to be done."""
        if self.frozen or self.iterating:
            raise _immutable(change, "dict", self.frozen)

    def __iter__(self) -> Iterator[Value]:
        return map(from_key, self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, key: Value) -> bool:
        return to_key(key) in self.entries

    def __getitem__(self, key: Value) -> Value:
        return self.entries[to_key(key)]

    def __setitem__(self, key: Value, value: Value) -> None:
        self.check_mutable("insert into")
        self.entries[to_key(key)] = value
        check_elements(len(self.entries))

    def get(self, key: Value, default: Value = None) -> Value:
        """The value of a key, or the default."""
        return self.entries.get(to_key(key), default)

    def keys(self) -> list[Value]:
        """The keys, in order."""
        return list(self.entries) if self._plain() else [from_key(key) for key in self.entries]

    def values(self) -> list[Value]:
        """The values, in order of their keys."""
        return list(self.entries.values())

    def items(self) -> list[tuple[Any, Value]]:
        """(key, value) pairs, in order."""
        pairs = self.entries.items()
        return list(pairs) if self._plain() else [(from_key(key), value) for key, value in pairs]

    def _plain(self) -> bool:
        """Whether all keys stand for themselves."""
        return _Key not in set(map(type, self.entries))

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"Dict({dict(self.items())!r})"


class Set:
    """A set in insertion order. Its elements are the keys of `entries`."""

    __slots__ = ("entries", "frozen", "iterating")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Iterable[Value] = ()) -> None:
        self.entries: dict[Any, None] = keys_of(items)
        self.frozen = False
        self.iterating = 0

    @classmethod
    def of(cls, entries: dict[Any, None]) -> Set:
        """A set that takes over its elements, which `to_key` gave."""
        result = cls()
        result.entries = entries
        return result

    def check_mutable(self, change: str = "change", method: str = "") -> None:
        """Raise BuildError if the set is frozen or being iterated over; `change` is what was to be done."""
        if self.frozen or self.iterating:
            error = _immutable(change, "set", self.frozen)
            raise BuildError(method + error.message, hint=error.hint)

    def __iter__(self) -> Iterator[Value]:
        return map(from_key, self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, value: Value) -> bool:
        return to_key(value) in self.entries

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"Set({list(self)!r})"


class Struct:
    """Named fields that never change. `constructor` is 'struct', or what makes such instances, like a provider."""

    __slots__ = ("constructor", "fields")

    def __init__(self, constructor: Any, fields: Mapping[str, Value]) -> None:
        self.constructor = constructor
        self.fields: dict[str, Value] = dict(fields)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __hash__(self) -> int:
        return hash(to_key(self))

    def __repr__(self) -> str:
        return f"Struct({self.constructor!r}, {self.fields!r})"


def _immutable(change: str, kind: str, frozen: bool) -> BuildError:
    noun, tail = (kind, "") if kind == "list" else ("hash table", f" (a {kind})")
    if frozen:
        hint = f"values freeze when their file has run; change a copy: {kind}(x)"
        return BuildError(f"cannot {change} frozen {noun}{tail}", hint=hint)
    return BuildError(f"cannot {change} {noun} during iteration{tail}", hint="iterate over a copy: list(x)")


_NAMES: dict[type, str] = {
    type(None): "NoneType",
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    bytes: "bytes",
    tuple: "tuple",
    List: "list",
    Dict: "dict",
    Set: "set",
    Range: "range",
}


def type_name(value: Value) -> str:
    """What `type` gives."""
    name = _NAMES.get(type(value))
    if name is not None:
        return name
    if isinstance(value, Struct) and type(value.constructor) is not str:
        return str(getattr(value.constructor, "instance_type_name", "struct"))
    return str(getattr(value, "type_name", "struct"))


_PLAIN = frozenset((str, int, bytes, bool, type(None)))
_BLOCK = 64  # values that are compared between two looks at the clock
_EXACT = frozenset((str, int, bytes, type(None)))  # of which Python finds equal what Starlark does


def equal(left: Value, right: Value) -> bool:
    """Starlark's `==`: numbers by value, but True is not 1; containers by their elements."""
    kind = type(left)
    if kind is type(right) and kind in _PLAIN:
        return left == right
    return _equal(left, right, 0, set())


def _equal(left: Any, right: Any, depth: int, seen: set[tuple[int, int]]) -> bool:
    """`seen` holds the pairs under comparison or found equal: were one of them unequal, all would be over."""
    if left is right:
        return True
    kind, other = type(left), type(right)
    if kind is not other:
        numbers = (kind is int and other is float) or (kind is float and other is int)
        return numbers and bool(left == right)
    if kind in _PLAIN:
        return bool(left == right)
    if kind is float:
        return bool(left == right or (left != left and right != right))
    if kind is Set:
        return bool(left.entries.keys() == right.entries.keys())
    if kind not in (tuple, List, Dict) and not isinstance(left, Struct):
        return bool(left == right)
    if depth > DEPTH:
        raise too_deep("compared")
    pair = (id(left), id(right))
    if pair in seen:
        return True
    seen.add(pair)
    if kind is Dict:
        return _same_entries(left.entries, right.entries, depth, seen)
    if isinstance(left, Struct):
        return left.constructor == right.constructor and _same_entries(left.fields, right.fields, depth, seen)
    if len(left) != len(right):
        return False
    items, others = (left.items, right.items) if kind is List else (left, right)
    exact = {*map(type, items), *map(type, others)} <= _EXACT
    for start in range(0, len(items), _BLOCK):  # strings may be long, and the same one may be there often
        check_time()
        one, two = items[start : start + _BLOCK], others[start : start + _BLOCK]
        if exact:
            if one != two:
                return False
        elif not all(_equal(left, right, depth + 1, seen) for left, right in zip(one, two, strict=True)):
            return False
    return True


def _same_entries(left: dict[Any, Value], right: dict[Any, Value], depth: int, seen: set[tuple[int, int]]) -> bool:
    if len(left) != len(right):
        return False
    for place, (key, value) in enumerate(left.items()):
        if not place % _BLOCK:
            check_time()
        if key not in right or not _equal(value, right[key], depth + 1, seen):
            return False
    return True


def contains(items: Iterable[Value], value: Value) -> bool:
    """Whether an element equals a value."""
    for place, item in enumerate(items):
        if not place % _BLOCK:
            check_time()
        if equal(item, value):
            return True
    return False
