"""Analysis: each target's rule runs, declares actions and returns providers.

In: a `TargetGraph` and the tools' signatures. Out: `Analysis`: an `ActionGraph`, and of each target the facts that the
engine knows by name. Nothing is read, hashed or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.action import Action, ActionGraph, Artifact, Signature
from buildkit.graph.attribute import LockFile
from buildkit.graph.context import Actions, TargetValue, attribute_values, rule_context
from buildkit.graph.loader import Printer
from buildkit.graph.lockfile import request_key
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.provider import (
    DEFAULT_INFO,
    KNOWN,
    READERS,
    ImageInfo,
    Instance,
    LockInfo,
    PushInfo,
    RunInfo,
    TestInfo,
    files_of,
)
from buildkit.graph.rule import Rule
from buildkit.graph.values import FileValue
from buildkit.label import Label
from buildkit.lang import List, Value, call, represent


@dataclass(frozen=True, slots=True)
class ConfiguredTarget:
    """What the engine knows of an analyzed target: its files, and the providers that commands act upon."""

    label: Label
    files: tuple[Artifact, ...]
    image: ImageInfo | None = None
    lock: LockInfo | None = None
    push: PushInfo | None = None
    test: TestInfo | None = None
    run: RunInfo | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What will run, and what each target offers."""

    actions: ActionGraph
    configured: Mapping[Label, ConfiguredTarget]
    requested: tuple[Label, ...]
    packages: int


def analyze(
    graph: TargetGraph, tools: Mapping[str, Signature], printer: Printer, *, missing_locks: bool = False
) -> Analysis:
    """Run the rules of all targets, dependencies first. Raises BuildErrors with the faults of all that fail.

    `missing_locks` lets locks that are missing or stale pass, for the command that writes them.
    """
    return _Analyzer(graph, tools, printer, missing_locks).run()


class _Analyzer:
    def __init__(self, graph: TargetGraph, tools: Mapping[str, Signature], printer: Printer, lenient: bool) -> None:
        self.graph = graph
        self.tools = tools
        self.printer = printer
        self.lenient = lenient
        self.values: dict[Label, TargetValue] = {}
        self.configured: dict[Label, ConfiguredTarget] = {}
        self.actions: list[Action] = []
        self.owners: dict[str, Label] = {}

    def run(self) -> Analysis:
        faults: list[BuildError] = []
        for label, target in self.graph.targets.items():
            if any(needed not in self.values for needed, _ in target.dependencies):
                continue  # what it needs has failed; that fault is the one to show
            try:
                self._configure(label, target)
            except BuildError as error:
                faults.append(_placed(error, target))
            except BuildErrors as errors:
                faults += [_placed(error, target) for error in errors.errors]
        if faults:
            raise BuildErrors(dict.fromkeys(faults))
        return Analysis(ActionGraph.of(self.actions), self.configured, self.graph.requested, self.graph.packages)

    def _configure(self, label: Label, target: Target) -> None:
        if target.is_source:
            artifact = Artifact(label, label.path, source=True)
            default = Instance(DEFAULT_INFO, {"files": (FileValue(artifact),)}, target.span)
            self._record(label, target, {"DefaultInfo": default})
            return
        rule = self.graph.rules[target.rule]
        _check_dependencies(rule, target, self.values)
        kinds = {name: attribute.kind for name, attribute in rule.schema.items()}
        views = attribute_values(target, kinds, self.values, self.lenient)
        actions = Actions(label, self.tools)
        context = rule_context(label, views, actions)
        result = call(rule.implementation, [context], {}, printer=self.printer, span=target.span)
        instances = _instances(result, target, rule)
        if unmade := actions.unmade():
            raise BuildError(f"rule '{rule.name}' declares '{unmade[0].path}' but no action makes it")
        self._own(actions.declared)
        self._record(label, target, instances)

    def _own(self, actions: list[Action]) -> None:
        for action in actions:
            for _, artifact in action.outputs:
                if other := self.owners.get(artifact.path):
                    raise BuildError(f"'{artifact.path}' is made by two targets: '{other}' and '{action.owner}'")
                self.owners[artifact.path] = action.owner
        self.actions += actions

    def _record(self, label: Label, target: Target, instances: dict[str, Instance]) -> None:
        known: dict[str, Any] = {
            name: READERS[name](instance)
            for name, instance in instances.items()
            if instance.provider is KNOWN.get(name) and name in READERS
        }
        configured = ConfiguredTarget(
            label,
            files_of(instances.get("DefaultInfo")),
            image=known.get("ImageInfo"),
            lock=known.get("LockInfo"),
            push=known.get("PushInfo"),
            test=known.get("TestInfo"),
            run=known.get("RunInfo"),
        )
        if configured.lock and not self.lenient:
            _check_lock(configured.lock, target)
        self.values[label] = TargetValue(label, instances, target.is_source)
        self.configured[label] = configured


def _check_dependencies(rule: Rule, target: Target, values: Mapping[Label, TargetValue]) -> None:
    faults = []
    for label, name in target.dependencies:
        attribute, found = rule.schema[name], values[label]
        span = target.spans.get(name, target.span)
        if found.is_source and not _file_allowed(attribute.allow_files, label.name):
            faults.append(
                BuildError(
                    f"attribute '{name}' of rule '{rule.name}' does not take the file '{label}'",
                    span=span,
                    hint=_takes(attribute.allow_files),
                )
            )
        elif attribute.providers and not found.is_source:
            lacking = [provider for provider in attribute.providers if not found.contains(provider)]
            if lacking:
                names = ", ".join(str(getattr(provider, "name", "")) for provider in lacking)
                faults.append(
                    BuildError(
                        f"'{label}' cannot stand in '{name}': it does not provide {names}",
                        span=span,
                        notes=[f"it is a {_rule_name(values, label)}"] if _rule_name(values, label) else [],
                    )
                )
    if faults:
        raise BuildErrors(faults)


def _takes(allowed: tuple[str, ...] | bool) -> str:
    if isinstance(allowed, tuple):
        return f"it takes files whose names end in {' or '.join(repr(suffix) for suffix in allowed)}"
    return "it takes targets only"


def _rule_name(values: Mapping[Label, TargetValue], label: Label) -> str:
    has = ", ".join(sorted(values[label].instances))
    return f"target that provides {has}" if has else ""


def _file_allowed(allowed: tuple[str, ...] | bool, name: str) -> bool:
    if isinstance(allowed, bool):
        return allowed
    return name.endswith(tuple(allowed))


def _instances(result: Value, target: Target, rule: Rule) -> dict[str, Instance]:
    items = list(result) if isinstance(result, (List, tuple)) else [] if result is None else [result]
    found: dict[str, Instance] = {}
    for item in items:
        if not isinstance(item, Instance):
            raise BuildError(f"rule '{rule.name}' must return a list of provider instances, found {represent(item)}")
        if item.provider.name in found:
            raise BuildError(f"rule '{rule.name}' returns {item.provider.name} twice")
        found[item.provider.name] = item
    return found


def _check_lock(info: LockInfo, target: Target) -> None:
    for file in target.attributes.values():
        if isinstance(file, LockFile) and file.path == info.file and file.lock:
            if file.lock.kind != info.kind:
                raise BuildError(
                    f"'{file.path}' is a {file.lock.kind} lock, expected a {info.kind} lock",
                    span=file.span,
                    hint=f"name a file of its own; 'mbuild lock {target.label}' writes it",
                )
            if file.lock.request_key != request_key(info.kind, info.request):
                raise BuildError(
                    f"the lock '{file.path}' is stale: '{target.label}' asks for something else than it answers",
                    span=file.span,
                    hint=f"run 'mbuild lock {target.label}'",
                )


def _placed(error: BuildError, target: Target) -> BuildError:
    """An error with a place: its own, or else the target's; and with the target, where the place is elsewhere.

    What a standard rule finds fault with is the target: nobody can mend it in the rule's file.
    """
    span, notes = error.span or target.span, [note for note in error.notes if note != f"called from {target.span}"]
    if span.path.startswith("@"):
        notes, span = [f"said by {span}", *notes], target.span
    elif span.path != target.span.path:
        notes.append(f"in {target.label} ({target.span})")
    return type(error)(error.message, span=span, hint=error.hint, notes=notes, details=error.details)
