"""`attr.*`: the schema of a rule's attributes, and the check of what a BUILD file gives for them.

In: values of the language. Out: plain frozen values (labels parsed, lists as tuples), or an error at the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.graph.lockfile import Lock
from buildkit.graph.values import LabelValue
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, HostValue, List, Value, freeze, represent, to_python, type_name


class Attribute(HostValue):
    """The schema of one attribute."""

    type_name = "attr"

    def __init__(
        self,
        kind: str,
        *,
        default: Value = None,
        mandatory: bool = False,
        values: tuple[Value, ...] = (),
        allow_files: tuple[str, ...] | bool = False,
        providers: tuple[HostValue, ...] = (),
        doc: str = "",
    ) -> None:
        self.kind = kind
        self.default = default
        self.mandatory = mandatory
        self.values = values
        self.allow_files = allow_files
        self.providers = providers
        self.doc = doc

    def represent(self) -> str:
        """As it is printed."""
        return f"<attr.{self.kind}>"

    @property
    def is_label(self) -> bool:
        """Whether its values are labels."""
        return self.kind in LABEL_KINDS


@dataclass(frozen=True, slots=True)
class LockFile:
    """The value of an `attr.lock()`: the lock's path from the workspace's root and, if it exists, what it says."""

    path: str
    lock: Lock | None
    span: Span


LABEL_KINDS = ("label", "label_list", "label_dict")
_EXPECTED = {
    "string": "a string",
    "int": "an int",
    "float": "a float",
    "bool": "a bool",
    "string_list": "a list of strings",
    "string_dict": "a dict of strings",
    "label": "a label",
    "label_list": "a list of labels",
    "label_dict": "a dict of strings to labels",
    "lock": "the name of a lock file",
    "output": "the name of a file",
    "output_list": "a list of file names",
    "data": "plain data (None, bools, numbers, strings, lists, dicts, structs)",
}
_EMPTY: dict[str, Any] = {
    "string": "",
    "int": 0,
    "float": 0.0,
    "bool": False,
    "string_list": (),
    "string_dict": {},
    "label_list": (),
    "label_dict": {},
    "output_list": (),
}


def _constructor(kind: str) -> Builtin:
    def make(
        call: Call,
        *,
        default: Value = None,
        mandatory: bool = False,
        values: Any = (),
        allow_files: Any = False,
        providers: Any = (),
        doc: str = "",
    ) -> Value:
        freeze(default)
        allowed = tuple(allow_files) if isinstance(allow_files, (List, tuple)) else bool(allow_files)
        return Attribute(
            kind,
            default=default,
            mandatory=mandatory,
            values=tuple(values),
            allow_files=allowed,
            providers=tuple(providers),
            doc=doc,
        )

    return Builtin(f"attr.{kind}", make)


class AttrModule(HostValue):
    """The namespace `attr`."""

    type_name = "attr"
    _members: ClassVar[dict[str, Value]] = {kind: _constructor(kind) for kind in _EXPECTED}

    def attribute(self, name: str) -> Value:
        """One constructor."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written: resolves its labels and files."""

    repository: str
    package: str
    span: Span
    read_lock: Callable[[str, Span], LockFile]


def convert(attribute: Attribute, name: str, value: Value, place: Place) -> Any:
    """Check one value and make it plain. Raises BuildError at `place`."""
    if value is None:
        return _EMPTY.get(attribute.kind)
    try:
        plain = _CONVERT[attribute.kind](value, place)
    except (TypeError, ValueError):
        raise BuildError(
            f"attribute '{name}' must be {_EXPECTED[attribute.kind]}, found {_described(value)}", span=place.span
        ) from None
    if attribute.values and plain not in attribute.values:
        known = ", ".join(represent(item) for item in attribute.values)
        raise BuildError(
            f"attribute '{name}' must be one of {known}, found {represent(value)}",
            span=place.span,
            hint=did_you_mean(str(plain), [str(item) for item in attribute.values]),
        )
    return plain


def _described(value: Value) -> str:
    if isinstance(value, (List, tuple)):
        odd = next((item for item in value if not isinstance(item, str)), None)
        if odd is not None:
            return f"a {type_name(value)} with {represent(odd)}"
    name = type_name(value)
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _exactly(kind: type) -> Callable[[Value, Place], Any]:
    def check(value: Value, place: Place) -> Any:
        if type(value) is not kind:
            raise TypeError(value)
        return value

    return check


def _number(value: Value, place: Place) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(value)
    return float(value)


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


def _lock(value: Value, place: Place) -> LockFile:
    return place.read_lock(_label(value, place).path, place.span)


def _data(value: Value, place: Place) -> Any:
    return to_python(value)


_CONVERT: dict[str, Callable[[Value, Place], Any]] = {
    "string": _string,
    "int": _exactly(int),
    "float": _number,
    "bool": _exactly(bool),
    "string_list": _list(_string),
    "string_dict": _dict(_string),
    "label": _label,
    "label_list": _list(_label),
    "label_dict": _dict(_label),
    "lock": _lock,
    "output": _string,
    "output_list": _list(_string),
    "data": _data,
}
