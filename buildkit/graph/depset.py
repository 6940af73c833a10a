"""`depset`: a set in a fixed order of traversal, made of others without copying them.

In: direct elements and other depsets. Out: `Depset`, built in the time of its direct part and flattened only when
asked, once. The traversals are Bazel's: children before (or after) the direct elements, each element where it is met
first; topological ones are walked backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.lang import Builtin, Call, HostValue, List, Struct, Value, represent, type_name
from buildkit.lang.values import from_key, to_key

_ORDERS = ("default", "postorder", "preorder", "topological")
_OLD_NAMES = {"stable": "default", "compile": "postorder", "naive_link": "preorder", "link": "topological"}


class Depset(HostValue):
    """Direct elements and depsets below them, both in the order in which they are visited."""

    __slots__ = ("_direct", "_flat", "_transitive", "element_type", "order")
    type_name = "depset"

    def __init__(self, order: str, direct: Sequence[Value] = (), transitive: Sequence[Depset] = ()) -> None:
        """The parts fit each other: `depset(...)` in a file checks that, Python's callers see to it."""
        keys = tuple(dict.fromkeys(map(to_key, direct)))
        below = tuple(other for other in transitive if other)
        backwards = order == "topological"
        self.order = order
        self.element_type: str = _kind(direct[0]) if direct else below[0].element_type if below else ""
        self._direct: tuple[Any, ...] = keys[::-1] if backwards else keys
        self._transitive: tuple[Depset, ...] = below[::-1] if backwards else below
        self._flat: tuple[Any, ...] | None = None if below else self._direct

    def items(self) -> list[Value]:
        """All elements, each once, in the depset's order."""
        flat = self._flattened()
        return [from_key(key) for key in (reversed(flat) if self.order == "topological" else flat)]

    def _flattened(self) -> tuple[Any, ...]:
        """The keys of the elements as they are met. A depset below that is flat already is not walked again."""
        if self._flat is not None:
            return self._flat
        found: dict[Any, None] = {}
        visited: set[int] = set()
        stack: list[Depset | tuple[Any, ...]] = [self]
        while stack:
            part = stack.pop()
            if type(part) is tuple:
                found.update(dict.fromkeys(part))
            elif isinstance(part, Depset) and id(part) not in visited:
                visited.add(id(part))
                stack += part._parts()
        self._flat = tuple(found)
        return self._flat

    def _parts(self) -> list[Depset | tuple[Any, ...]]:
        """What it is made of, last part first, as a stack takes it."""
        if self._flat is not None:
            return [self._flat]
        below: list[Depset | tuple[Any, ...]] = list(reversed(self._transitive))
        return [*below, self._direct] if self.order == "preorder" else [self._direct, *below]

    def __bool__(self) -> bool:
        return bool(self._direct or self._transitive)

    def attribute(self, name: str) -> Value:
        """`to_list`."""
        return {"to_list": Builtin("to_list", self._to_list)}[name]

    def attributes(self) -> Iterable[str]:
        """Its name."""
        return ("to_list",)

    def _to_list(self, call: Call) -> Value:
        found = self.items()
        call.thread.charge(len(found))
        return List(found)

    def iterate(self) -> Iterable[Value]:
        """Refuse: flattening is dear, so it is written out."""
        raise BuildError("value of type 'depset' is not iterable", hint="use x.to_list()")

    def contains(self, value: Value) -> bool:
        """Refuse, likewise."""
        raise BuildError("value of type 'depset' is not iterable", hint="use value in x.to_list()")

    def represent(self) -> str:
        """As it is printed: flattened."""
        order = f', order = "{self.order}"' if self.order != "default" else ""
        return f"depset({represent(List(self.items()))}{order})"


def _kind(value: Value) -> str:
    """The type that all elements share; structs and instances of providers are one type, as in Bazel."""
    name = type_name(value)
    return "struct" if isinstance(value, Struct) or getattr(value, "is_instance", False) else name


def _depset(call: Call, direct: Value = None, order: Value = "default", *, transitive: Value = None) -> Value:
    chosen = _OLD_NAMES.get(order, order) if isinstance(order, str) else None
    if chosen not in _ORDERS:
        hint = did_you_mean(str(order), _ORDERS) or "the orders are: " + ", ".join(_ORDERS)
        raise call.error(f"Invalid order: {order if isinstance(order, str) else represent(order)}", hint=hint)
    elements = _sequence(call, "direct", direct)
    below = _sequence(call, "transitive", transitive)
    kind = ""
    for element in elements:
        _check_element(call, element)
        kind = _checked_kind(call, "direct", kind, _kind(element))
    for other in below:
        kind = _check_below(call, str(chosen), kind, other)
    filled = [other for other in below if other]
    if not elements and len(filled) == 1 and filled[0].order == chosen:
        return filled[0]
    return Depset(str(chosen), elements, filled)


def _sequence(call: Call, name: str, value: Value) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, (List, tuple)):
        hint = "write transitive = [x]" if isinstance(value, Depset) and name == "direct" else None
        message = f"for '{name}', got {type_name(value)}, want a list"
        raise BuildError(message, span=call.argument_spans.get(name, call.span), hint=hint)
    return list(value)


def _check_element(call: Call, element: Value) -> None:
    try:
        to_key(element)
    except BuildError:
        hint = "the elements of a depset are hashable, such as strings, Files, and tuples or structs of these"
        if isinstance(element, (Struct, tuple)) or getattr(element, "is_instance", False):
            raise call.error("depset elements must not be mutable values", argument="direct", hint=hint) from None
        message = f"depsets cannot contain items of type '{type_name(element)}'"
        raise call.error(message, argument="direct", hint=hint) from None


def _check_below(call: Call, order: str, kind: str, other: Value) -> str:
    if not isinstance(other, Depset):
        message = f"for 'transitive', got a list with an element of type {type_name(other)}, want depset"
        raise call.error(message, argument="transitive")
    if not other:
        return kind
    if "default" not in (order, other.order) and order != other.order:
        message = f"Order '{order}' is incompatible with order '{other.order}'"
        hint = "give both the same order, or one of them the order 'default'"
        raise call.error(message, argument="transitive", hint=hint)
    return _checked_kind(call, "transitive", kind, other.element_type)


def _checked_kind(call: Call, argument: str, kind: str, found: str) -> str:
    if kind and kind != found:
        message = f"cannot add an item of type '{found}' to a depset of '{kind}'"
        raise call.error(message, argument=argument, hint="all elements of a depset have one type")
    return found


DEPSET = Builtin("depset", _depset)
