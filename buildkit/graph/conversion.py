"""The values of attributes: checked against their schema, and made plain.

In: a value of the language, and where it was written. Out: a frozen Python value (labels parsed, lists as tuples,
locks read), or an error at the argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.graph.argument import described
from buildkit.graph.attribute import KINDS, Attribute
from buildkit.graph.lockfile import Lock
from buildkit.graph.values import LabelValue
from buildkit.label import Label
from buildkit.lang import Dict, List, Value, from_python, represent, to_python, type_name
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class LockFile:
    """The value of an `attr.lock()`: the lock's path from the workspace's root and, if it exists, what it says."""

    path: str
    lock: Lock | None
    span: Span


class Place:
    """Where a value was written: resolves its labels and reads its locks. `find_span` is asked where an error is."""

    __slots__ = ("_find_span", "package", "read_lock", "repository")

    def __init__(
        self, repository: str, package: str, find_span: Callable[[], Span], read_lock: Callable[[str, Span], LockFile]
    ) -> None:
        self.repository = repository
        self.package = package
        self.read_lock = read_lock
        self._find_span = find_span

    @property
    def span(self) -> Span:
        """The place in the file."""
        return self._find_span()


# What an attribute is that was neither given nor has a default; None for the other kinds.
_EMPTY: dict[str, Any] = {
    "string": "",
    "int": 0,
    "float": 0.0,
    "bool": False,
    "string_list": (),
    "int_list": (),
    "string_dict": {},
    "string_list_dict": {},
    "label_list": (),
    "label_dict": {},
    "string_keyed_label_dict": {},
    "label_keyed_string_dict": {},
    "output_list": (),
}


def convert(attribute: Attribute, name: str, value: Value, place: Place) -> Any:
    """Check one value and make it plain. Raises BuildError at `place`."""
    if value is None:
        return _EMPTY.get(attribute.kind)
    plain = plain_value(attribute, name, value, place)
    if attribute.values or not attribute.allow_empty:
        check_value(attribute, name, plain, place.span)
    return plain


def plain_value(attribute: Attribute, name: str, value: Value, place: Place) -> Any:
    """A value made plain, its type checked, whether it is allowed left open. Raises BuildError at `place`."""
    try:
        return _CONVERT[attribute.kind](value, place)
    except TypeError as odd:
        found = represent(odd.args[0]) if attribute.kind == "data" else described(value)
        message = f"attribute '{name}' must be {KINDS[attribute.kind]}, found {found}"
        nested = isinstance(value, (List, tuple)) and any(type_name(item) == "select" for item in value)
        hint = "put a select beside a list with '+', not into it" if nested else None
        raise BuildError(message, span=place.span, hint=hint) from None


def check_value(attribute: Attribute, name: str, plain: Any, span: Span) -> None:
    """Raise BuildError at `span` for a plain value that its schema does not allow."""
    if attribute.values and plain not in attribute.values:
        known = ", ".join(represent(item) for item in attribute.values)
        hint = did_you_mean(str(plain), [item for item in attribute.values if isinstance(item, str)])
        message = f"attribute '{name}' must be one of {known}, found {represent(from_python(plain))}"
        raise BuildError(message, span=span, hint=hint)
    if not attribute.allow_empty and not plain:
        raise BuildError(f"attribute '{name}' must not be empty", span=span)


def labels_of(kind: str, plain: Any) -> tuple[Label, ...] | None:
    """The labels in the plain value of an attribute; None for kinds that have none."""
    match kind:
        case "label":
            return (plain,) if plain else ()
        case "label_list":
            return tuple(plain)
        case "label_dict" | "string_keyed_label_dict":
            return tuple(plain.values())
        case "label_keyed_string_dict":
            return tuple(plain)
    return None


def _exactly(kind: type) -> Callable[[Value, Place], Any]:
    def check(value: Value, place: Place) -> Any:
        if type(value) is not kind:
            raise TypeError(value)
        return value

    return check


def _bool(value: Value, place: Place) -> bool:
    """True or False, or the 1 and 0 that many BUILD files have."""
    if type(value) is not bool and not (type(value) is int and value in (0, 1)):
        raise TypeError(value)
    return bool(value)


def _number(value: Value, place: Place) -> float:
    if type(value) not in (int, float):
        raise TypeError(value)
    return float(value)  # type: ignore[arg-type]


def _list(item: Callable[[Value, Place], Any]) -> Callable[[Value, Place], tuple[Any, ...]]:
    def check(value: Value, place: Place) -> tuple[Any, ...]:
        if not isinstance(value, (List, tuple)):
            raise TypeError(value)
        return tuple(item(element, place) for element in value)

    return check


def _dict(item: Callable[[Value, Place], Any]) -> Callable[[Value, Place], dict[str, Any]]:
    def check(value: Value, place: Place) -> dict[str, Any]:
        if not isinstance(value, Dict):
            raise TypeError(value)
        return {_string(key, place): item(element, place) for key, element in value.items()}

    return check


_string = _exactly(str)


def _label(value: Value, place: Place) -> Label:
    if isinstance(value, LabelValue):
        return value.label
    try:
        return Label.parse(_string(value, place), place.package, place.repository)
    except BuildError as error:
        raise BuildError(error.message, span=place.span, hint=error.hint) from None


def _label_list(value: Value, place: Place) -> tuple[Label, ...]:
    found: tuple[Label, ...] = _labels(value, place)
    if len(found) > 1 and len(set(found)) < len(found):
        twice = next(label for position, label in enumerate(found) if label in found[:position])
        raise BuildError(f"'{twice}' is in the list twice", span=place.span, hint="name it once")
    return found


def _label_keyed(value: Value, place: Place) -> dict[Label, str]:
    if not isinstance(value, Dict):
        raise TypeError(value)
    found: dict[Label, str] = {}
    for key, item in value.items():
        label = _label(key, place)
        if label in found:
            raise BuildError(f"'{label}' is a key twice, written in two ways", span=place.span)
        found[label] = _string(item, place)
    return found


def _lock(value: Value, place: Place) -> LockFile:
    return place.read_lock(_label(value, place).path, place.span)


def _data(value: Value, place: Place) -> Any:
    plain = to_python(value)
    _check_plain(plain)
    return plain


def _check_plain(plain: Any) -> None:
    if isinstance(plain, (list, tuple)):
        for item in plain:
            _check_plain(item)
    elif isinstance(plain, dict):
        for pair in plain.items():
            _check_plain(pair)
    elif not (plain is None or isinstance(plain, (bool, int, float, str))):
        raise TypeError(plain)


_labels = _list(_label)

_CONVERT: dict[str, Callable[[Value, Place], Any]] = {
    "string": _string,
    "int": _exactly(int),
    "float": _number,
    "bool": _bool,
    "string_list": _list(_string),
    "int_list": _list(_exactly(int)),
    "string_dict": _dict(_string),
    "string_list_dict": _dict(_list(_string)),
    "label": _label,
    "label_list": _label_list,
    "label_dict": _dict(_label),
    "string_keyed_label_dict": _dict(_label),
    "label_keyed_string_dict": _label_keyed,
    "lock": _lock,
    "output": _string,
    "output_list": _list(_string),
    "data": _data,
}


def _joined(values: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(item for value in values for item in value)


def _merged(values: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: item for value in values for key, item in value.items()}


# How the parts of a select are put together, of the kinds whose values can be.
ADDED: dict[str, Callable[[list[Any]], Any]] = {
    "string": "".join,
    **dict.fromkeys(("string_list", "int_list", "label_list"), _joined),
    **dict.fromkeys(("string_dict", "string_list_dict", "label_dict"), _merged),
    **dict.fromkeys(("string_keyed_label_dict", "label_keyed_string_dict"), _merged),
}
