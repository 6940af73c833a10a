"""`attr.*`: the schema of a rule's attributes.

In: calls in a .bzl file. Out: `Attribute`, checked so that a wrong schema is found where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from buildkit.errors import Span, did_you_mean
from buildkit.graph.argument import boolean, items, text, texts, wrong
from buildkit.graph.instance import Provider
from buildkit.graph.transition import Transition
from buildkit.lang import Builtin, Call, Function, HostValue, List, Value, freeze, represent, type_name

# Kind → what a value of it must be, as messages say it.
KINDS: dict[str, str] = {
    "string": "a string",
    "int": "an int",
    "float": "a number",
    "bool": "a bool",
    "string_list": "a list of strings",
    "int_list": "a list of ints",
    "string_dict": "a dict of strings",
    "string_list_dict": "a dict of strings to lists of strings",
    "label": "a label",
    "label_list": "a list of labels",
    "label_dict": "a dict of strings to labels",
    "string_keyed_label_dict": "a dict of strings to labels",
    "label_keyed_string_dict": "a dict of labels to strings",
    "lock": "the name of a lock file",
    "output": "the name of a file",
    "output_list": "a list of file names",
    "data": "plain data (None, bools, numbers, strings, lists, dicts, structs)",
}

LABELS = ("label", "label_list", "label_dict", "string_keyed_label_dict", "label_keyed_string_dict")
EXEC = "exec"
OUTPUTS = ("output", "output_list")  # the files that a target makes are known before its configuration is


class Attribute(HostValue):
    """The schema of one attribute: its kind, whether it must be given, and what its value may be.

    `allow_files` are the endings of the files that may stand in a label's place, or True for any; `single_file` says
    that it must be exactly one; `alternatives` are sets of providers, one of which a target in its place must provide
    (`providers` are those of all sets); `rules` are the rules that it must be of; `executable` says that it must have a
    file that runs; `cfg` is the configuration of what it names: '' its user's, EXEC the build machine's, or what a
    transition says; `configurable` says that it may be a select; `deprecated` tells `mbuild lint` what to use instead.
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
        alternatives: tuple[tuple[Provider, ...], ...] = (),
        rules: tuple[str, ...] = (),
        executable: bool = False,
        cfg: Transition | str = "",
        doc: str = "",
        deprecated: str = "",
        configurable: bool = True,
        span: Span | None = None,
    ) -> None:
        self.kind = kind
        self.configurable = configurable and kind not in OUTPUTS
        self.default = default
        self.mandatory = mandatory
        self.values = values
        self.allow_empty = allow_empty
        self.allow_files = allow_files
        self.single_file = single_file
        self.alternatives = alternatives
        self.rules = rules
        self.executable = executable
        self.cfg = cfg
        self.span = span
        self.doc = doc
        self.deprecated = deprecated

    @property
    def tool(self) -> bool:
        """Whether it is for programs that run on the build machine."""
        return self.cfg == EXEC

    @property
    def providers(self) -> tuple[Provider, ...]:
        """All providers that it names."""
        return tuple(dict.fromkeys(provider for one in self.alternatives for provider in one))

    def represent(self) -> str:
        """As it is printed."""
        return f"<attr.{self.kind}>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return (self.default, *self.providers, *([self.cfg] if isinstance(self.cfg, Transition) else []))

    def takes_file(self, name: str) -> bool:
        """Whether a file of this name may stand in it."""
        return self.allow_files if isinstance(self.allow_files, bool) else name.endswith(self.allow_files)


# What each kind takes, besides `default`, `mandatory`, `doc`, `deprecated` and `configurable`.
_FOR_LABELS = ("allow_files", "allow_rules", "providers", "cfg")
_TAKES: dict[str, tuple[str, ...]] = {
    "string": ("values", "allow_empty"),
    "int": ("values",),
    "float": ("values",),
    "label": (*_FOR_LABELS, "allow_single_file", "executable"),
    **dict.fromkeys(LABELS[1:], (*_FOR_LABELS, "allow_single_file", "allow_empty")),
    **{kind: ("allow_empty",) for kind in KINDS if kind.endswith(("_list", "_dict")) and kind not in LABELS},
    "data": ("allow_empty",),
}
_CONFIGURATIONS = {"target": "", "exec": EXEC, "host": EXEC}


def _constructor(kind: str) -> Builtin:
    takes = ("default", "mandatory", "doc", "deprecated", "configurable", *_TAKES.get(kind, ()))
    if kind in OUTPUTS:
        takes = tuple(name for name in takes if name not in ("default", "configurable"))

    def make(call: Call, **given: Value) -> Value:
        for name in given:
            if name not in takes:
                hint = did_you_mean(name, takes) or "it takes: " + ", ".join(takes)
                raise call.error(f"attr.{kind} takes no '{name}'", argument=name, hint=hint)
        return _attribute(call, kind, given)

    return Builtin(f"attr.{kind}", make)


def _attribute(call: Call, kind: str, given: dict[str, Value]) -> Attribute:
    default = given.get("default")
    if type_name(default) == "select":
        raise call.error("a default cannot be a select", argument="default")
    if isinstance(default, (Function, Builtin)):
        raise call.error("a default cannot be a function", argument="default", hint="give the value itself")
    if given.get("allow_files") and given.get("allow_single_file"):
        raise call.error("'allow_files' and 'allow_single_file' cannot both be given", argument="allow_single_file")
    single = _endings(call, "allow_single_file", given.get("allow_single_file"))
    return Attribute(
        kind,
        default=freeze(default),
        mandatory=boolean(call, "mandatory", given.get("mandatory", False)),
        values=tuple(items(call, "values", given.get("values", ()))),
        allow_empty=boolean(call, "allow_empty", given.get("allow_empty", True)),
        allow_files=single or _endings(call, "allow_files", given.get("allow_files")),
        single_file=bool(single),
        alternatives=_alternatives(call, given.get("providers", ())),
        rules=texts(call, "allow_rules", given.get("allow_rules") or ()),
        executable=boolean(call, "executable", given.get("executable", False)),
        cfg=_configuration(call, given.get("cfg")),
        doc="" if given.get("doc") is None else text(call, "doc", given["doc"]),
        deprecated=text(call, "deprecated", given.get("deprecated", "")),
        configurable=boolean(call, "configurable", given.get("configurable", True)),
        span=call.span,
    )


def _configuration(call: Call, value: Value) -> Transition | str:
    if value is None or isinstance(value, Transition):
        return value or ""
    if not isinstance(value, str) or value not in _CONFIGURATIONS:
        found = f"found {represent(value)}"
        raise call.error(f'\'cfg\' must be "target", "exec" or a transition, {found}', argument="cfg")
    return _CONFIGURATIONS[value]


def _endings(call: Call, name: str, value: Value) -> tuple[str, ...] | bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, (List, tuple)):
        raise wrong(call, name, value, "True, False or a list of endings such as '.csv'")
    return texts(call, name, value)


def _alternatives(call: Call, value: Value) -> tuple[tuple[Provider, ...], ...]:
    """A list of providers, all of which are needed; or a list of such lists, one of which is."""
    found: list[Any] = items(call, "providers", value)
    several = any(isinstance(item, (List, tuple)) for item in found)
    sets = [list(item) if isinstance(item, (List, tuple)) else [item] for item in found] if several else [found]
    if (several and not all(isinstance(item, (List, tuple)) for item in found)) or not all(
        isinstance(provider, Provider) for one in sets for provider in one
    ):
        raise wrong(call, "providers", value, "a list of providers, or a list of such lists")
    return tuple(tuple(one) for one in sets if one)


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
