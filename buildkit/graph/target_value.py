"""What a rule sees of the targets that it depends on, and the views of its own attributes (`ctx.attr`, `ctx.files`).

In: a target, and what the targets that it depends on have returned. Out: values of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from buildkit.errors import BuildError
from buildkit.graph.action import Artifact
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.conversion import LockFile, labels_of
from buildkit.graph.depset import Depset
from buildkit.graph.instance import Instance, Provider
from buildkit.graph.package import Target
from buildkit.graph.provider import DEFAULT_INFO, files_of
from buildkit.graph.rule import Rule
from buildkit.graph.transition import Transition
from buildkit.graph.values import FileValue, LabelValue, LockValue
from buildkit.label import Label
from buildkit.lang import Dict, HostValue, List, Struct, Value, freeze, from_python, represent

# Of attributes whose targets are configured otherwise: the targets' values, by the keys of `ctx.split_attr`.
Elsewhere = Mapping[str, Sequence[tuple[str | None, Mapping[Label, "TargetValue"]]]]
NOWHERE: Elsewhere = {}


class TargetValue(HostValue):
    """A configured dependency: `.label`, `.files`, and `dep[Provider]`, `Provider in dep`."""

    type_name = "Target"

    def __init__(self, target: Target, instances: Mapping[Provider, Instance], aliases: tuple[Label, ...] = ()) -> None:
        self.target = target
        self.instances = instances
        self.aliases = aliases

    def called(self, alias: Label) -> TargetValue:
        """The same target, also known by an alias."""
        return TargetValue(self.target, self.instances, (*self.aliases, alias))

    @property
    def label(self) -> Label:
        """Its label."""
        return self.target.label

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files of its DefaultInfo."""
        return files_of(self.instances.get(DEFAULT_INFO))

    @property
    def files(self) -> Depset:
        """The same as the language has them."""
        default = self.instances.get(DEFAULT_INFO)
        files = default.fields.get("files") if default else None
        return files if isinstance(files, Depset) else Depset("default")

    @property
    def executable(self) -> Artifact | None:
        """The file of its DefaultInfo that runs, if it has one."""
        if self.target.is_file:
            return self.artifacts[0]
        default = self.instances.get(DEFAULT_INFO)
        file = default.fields.get("executable") if default else None
        return file.artifact if isinstance(file, FileValue) else None

    @property
    def provided(self) -> str:
        """The names of what it provides."""
        return ", ".join(sorted(provider.name for provider in self.instances))

    def attribute(self, name: str) -> Value:
        """`label`, `files`."""
        known: dict[str, Callable[[], Value]] = {
            "label": lambda: LabelValue(self.label),
            "files": lambda: self.files,
        }
        return known[name]()

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return ("files", "label")

    def represent(self) -> str:
        """As it is printed."""
        return f"<target {self.label}>"

    def index(self, key: Value) -> Value:
        """The facts of one provider."""
        if not isinstance(key, Provider):
            raise BuildError(f"a target is indexed by a provider, found {represent(key)}")
        if key not in self.instances:
            hint = f"it provides: {self.provided or 'nothing'}"
            raise BuildError(f"'{self.label}' does not provide {key.name}", hint=hint)
        return self.instances[key]

    def contains(self, key: Value) -> bool:
        """Whether it has the facts of one provider."""
        return isinstance(key, Provider) and key in self.instances


def attribute_views(
    target: Target,
    rule: Rule,
    configured: Mapping[Label, TargetValue],
    configuration: Configuration = DEFAULT,
    elsewhere: Elsewhere = NOWHERE,
    *,
    lenient: bool,
) -> dict[str, Value]:
    """The views of a target's attributes: `attr` (values), `file` (the one file), `files` (all files), `executable`,
    and `split_attr` (values by the keys of a transition).
    """
    attr: dict[str, Value] = {}
    split_attr: dict[str, Value] = {}
    file: dict[str, Value] = {}
    files: dict[str, Value] = {}
    executable: dict[str, Value] = {}
    for name, plain in target.attributes.items():
        kind = rule.schema[name].kind
        labels = labels_of(kind, plain)
        if isinstance(plain, LockFile):
            command = configuration.locking(target.label)
            attr[name] = LockValue(plain.path, plain.lock, plain.span, command=command, lenient=lenient)
            continue
        if labels is None:
            attr[name] = _value(kind, plain)
            continue
        branches = elsewhere.get(name) or ((None, configured),)
        found = [values[label] for _, values in branches for label in labels]
        if isinstance(rule.schema[name].cfg, Transition):
            split = [(key, _targets(kind, plain, [values[one] for one in labels])) for key, values in branches]
            split_attr[name] = freeze(Dict(split))
            attr[name] = from_python([one for _, value in split for one in _each(value)])
        else:
            attr[name] = _targets(kind, plain, found)
        artifacts = tuple(dict.fromkeys(artifact for dependency in found for artifact in dependency.artifacts))
        files[name] = _file_values(artifacts)
        if rule.schema[name].executable:
            runs = found[0].executable if found else None
            executable[name] = FileValue(runs) if runs else None
        if kind == "label":
            file[name] = FileValue(artifacts[0]) if len(artifacts) == 1 else None
    views = {"attr": attr, "file": file, "files": files, "executable": executable, "split_attr": split_attr}
    return {name: Struct("struct", fields) for name, fields in views.items()}


def output_view(rule: Rule, target: Target, outputs: Sequence[tuple[str, FileValue]]) -> Value:
    """`ctx.outputs`: the files that the target declares, by what names them; a list where that names several."""
    fields: dict[str, Value] = {}
    for name in [*rule.outputs, *rule.patterns]:
        files = [file for attribute, file in outputs if attribute == name]
        several = name in rule.schema and rule.schema[name].kind == "output_list"
        fields[name] = from_python(files) if several else files[0] if files else None
    return Struct("struct", fields)


def _each(value: Value) -> list[Value]:
    """The targets of one branch of a transition; a dict as it is."""
    if value is None or isinstance(value, (List, tuple)):
        return list(value or ())
    return [value]


def _targets(kind: str, plain: Any, found: list[TargetValue]) -> Value:
    match kind:
        case "label":
            return found[0] if found else None
        case "label_list":
            return from_python(list(found))
        case "label_keyed_string_dict":
            return freeze(Dict(zip(found, plain.values(), strict=True)))
        case _:
            return freeze(Dict(zip(plain, found, strict=True)))


def _value(kind: str, plain: Any) -> Value:
    if kind == "string_list_dict":
        return from_python({key: list(items) for key, items in plain.items()})
    return from_python(list(plain) if kind.endswith("_list") else plain)


def _file_values(artifacts: Iterable[Artifact]) -> Value:
    return from_python([FileValue(artifact) for artifact in artifacts])
