"""`attr.*`: the schema of a rule's attributes.

In: calls in a .bzl file. Out: `Attribute`, checked so that a wrong schema is found where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from buildkit.graph.argument import boolean, items, text, texts, wrong
from buildkit.graph.instance import Provider
from buildkit.lang import Builtin, Call, HostValue, List, Value, freeze, type_name

# Kind → what a value of it must be, as messages say it.
KINDS: dict[str, str] = {
    "string": "a string",
    "int": "an int",
    "float": "a number",
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

LABELS = ("label", "label_list", "label_dict")
OUTPUTS = ("output", "output_list")  # the files that a target makes are known before its configuration is


class Attribute(HostValue):
    """The schema of one attribute: its kind, whether it must be given, and what its value may be.

    `allow_files` are the endings of the files that may stand in a label's place, or True for any; `single_file` says
    that it must be exactly one; `providers` are what a target in its place must provide; `configurable` says that it
    may be a select.
    """

    type_name = "attr"

    def __init__(
        self,
        kind: str,
        *,
        default: Value = None,
        mandatory: bool = False,
        values: tuple[Value, ...] = (),
        allow_empty: bool = True,
        allow_files: tuple[str, ...] | bool = False,
        single_file: bool = False,
        providers: tuple[Provider, ...] = (),
        doc: str = "",
        configurable: bool = True,
    ) -> None:
        self.kind = kind
        self.configurable = configurable and kind not in OUTPUTS
        self.default = default
        self.mandatory = mandatory
        self.values = values
        self.allow_empty = allow_empty
        self.allow_files = allow_files
        self.single_file = single_file
        self.providers = providers
        self.doc = doc

    def represent(self) -> str:
        """As it is printed."""
        return f"<attr.{self.kind}>"

    def takes_file(self, name: str) -> bool:
        """Whether a file of this name may stand in it."""
        return self.allow_files if isinstance(self.allow_files, bool) else name.endswith(self.allow_files)


def _constructor(kind: str) -> Builtin:
    def make(
        call: Call,
        *,
        default: Value = None,
        mandatory: Value = False,
        values: Value = (),
        allow_empty: Value = True,
        allow_files: Value = False,
        allow_single_file: Value = False,
        providers: Value = (),
        doc: Value = "",
        configurable: Value = True,
    ) -> Value:
        if type_name(default) == "select":
            raise call.error("a default cannot be a select", argument="default")
        single = _endings(call, "allow_single_file", allow_single_file)
        return Attribute(
            kind,
            default=freeze(default),
            mandatory=boolean(call, "mandatory", mandatory),
            values=tuple(items(call, "values", values)),
            allow_empty=boolean(call, "allow_empty", allow_empty),
            allow_files=single or _endings(call, "allow_files", allow_files),
            single_file=bool(single),
            providers=_providers(call, providers),
            doc=text(call, "doc", doc),
            configurable=boolean(call, "configurable", configurable),
        )

    return Builtin(f"attr.{kind}", make)


def _endings(call: Call, name: str, value: Value) -> tuple[str, ...] | bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, (List, tuple)):
        raise wrong(call, name, value, "True, False or a list of endings such as '.csv'")
    return texts(call, name, value)


def _providers(call: Call, value: Value) -> tuple[Provider, ...]:
    found: list[Any] = items(call, "providers", value)
    if not all(isinstance(item, Provider) for item in found):
        raise wrong(call, "providers", value, "a list of providers")
    return tuple(found)


class AttrModule(HostValue):
    """The namespace `attr`."""

    type_name = "attr"
    _members: ClassVar[dict[str, Value]] = {kind: _constructor(kind) for kind in KINDS}

    def attribute(self, name: str) -> Value:
        """One constructor."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)
