"""Analysis: each target's rule runs, declares actions and returns providers.

In: a `TargetGraph`, the rules of its targets and the tools' signatures. Out: `Analysis`: an `ActionGraph`, and of each
target the facts that the engine knows by name. Nothing is read, hashed or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.action import Action, ActionGraph, Artifact, Signature
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.configured import configure
from buildkit.graph.context import Actions, configuration_views, rule_context
from buildkit.graph.dependency import check_dependencies, check_lock
from buildkit.graph.instance import Instance, Provider
from buildkit.graph.kinds import ALIAS, KINDS, TEST_SUITE
from buildkit.graph.modules import Printer
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.provider import (
    DEFAULT_INFO,
    IMAGE_INFO,
    LOCK_INFO,
    PUSH_INFO,
    READERS,
    RUN_INFO,
    TEST_INFO,
    ImageInfo,
    LockInfo,
    PushInfo,
    RunInfo,
    TestInfo,
    files_of,
)
from buildkit.graph.returned import default_info, program_of, returned
from buildkit.graph.rule import Rule
from buildkit.graph.suite import tests_of
from buildkit.graph.target_value import TargetValue, attribute_views, output_view
from buildkit.graph.values import FileValue
from buildkit.label import Label
from buildkit.lang import Value, call


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
    executable: Artifact | None = None
    runfiles: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """What will run, and what each target offers. `skipped` were asked for, but are not for the platform.

    `faults` are those of what was left out, where loading and analysis were to keep going. `platform` is the
    configuration's, such as linux/amd64.
    """

    actions: ActionGraph
    configured: Mapping[Label, ConfiguredTarget]
    requested: tuple[Label, ...]
    packages: int
    skipped: tuple[Label, ...] = ()
    warnings: tuple[str, ...] = ()
    faults: tuple[BuildError, ...] = ()
    platform: str = "linux/amd64"


def analyze(
    graph: TargetGraph,
    rules: Mapping[Label, Rule],
    tools: Mapping[str, Signature],
    printer: Printer,
    *,
    configuration: Configuration = DEFAULT,
    missing_locks: bool = False,
    keep_going: bool = False,
) -> Analysis:
    """Run the rules of all targets that are needed in a configuration, dependencies first.

    Raises BuildErrors with the faults of all that fail; with `keep_going` only where all that was asked for does.
    `missing_locks` lets locks that are missing or stale pass, for the command that writes them.
    """
    return _Analyzer(graph, rules, tools, printer, missing_locks).run(configuration, keep_going)


class _Analyzer:
    def __init__(
        self,
        graph: TargetGraph,
        rules: Mapping[Label, Rule],
        tools: Mapping[str, Signature],
        printer: Printer,
        lenient: bool,
    ) -> None:
        self.graph = graph
        self.rules = rules
        self.tools = tools
        self.printer = printer
        self.lenient = lenient
        self.values: dict[Label, TargetValue] = {}
        self.configured: dict[Label, ConfiguredTarget] = {}
        self.actions: list[Action] = []
        self.made: dict[str, Artifact] = {}
        self.suites: dict[Label, tuple[Label, ...]] = {}
        self.paths = _Paths()
        self.configuration = DEFAULT
        self.facts: Mapping[str, Value] = {}
        self.incompatible: Mapping[Label, Label] = {}

    def run(self, configuration: Configuration, keep_going: bool) -> Analysis:
        self.configuration = configuration
        configured = configure(self.graph, self.rules, configuration)
        self.incompatible = configured.incompatible
        refused = [label for label in self.graph.requested if label in self.graph.named & self.incompatible.keys()]
        faults = [*configured.faults, *(configured.refused(self.graph.targets[label]) for label in refused)]
        self.facts = configuration_views(configuration, configured.platform)
        for target in configured.targets.values():
            if any(needed not in self.values for needed, _ in target.dependencies):
                continue  # what it needs has failed; that fault is the one to show
            try:
                self._configure(target)
            except BuildError as error:
                faults.append(_placed(error, target))
            except BuildErrors as errors:
                faults += [_placed(error, target) for error in errors.errors]
        faults[:0] = self.graph.faults
        if faults and not (keep_going and any(label in self.configured for label in self.graph.requested)):
            raise BuildErrors(faults)
        return Analysis(
            ActionGraph.of(self.actions),
            self.configured,
            self._requested(),
            self.graph.packages,
            self._skipped(),
            self.graph.warnings,
            tuple(faults),
            str(configured.platform),
        )

    def _requested(self) -> tuple[Label, ...]:
        """What was asked for: what aliases stand for, the tests of suites; no conditions, unless only these were."""
        sound = [label for label in self.graph.requested if label in self.configured]
        named = dict.fromkeys(self.configured[label].label for label in sound)
        asked = dict.fromkeys(one for label in named for one in self.suites.get(label, (label,)))
        built = [label for label in asked if self.values[label].target.rule not in KINDS]
        return tuple(built or asked)

    def _skipped(self) -> tuple[Label, ...]:
        return tuple(label for label in self.graph.requested if label in self.incompatible)

    def _configure(self, target: Target) -> None:
        if target.is_source:
            artifact = Artifact(target.label, target.label.path, source=True)
            self._record(target, {DEFAULT_INFO: default_info([FileValue(artifact)], target.span)})
            return
        if target.generator:
            self._record(target, {DEFAULT_INFO: default_info([FileValue(self.made[target.label.path])], target.span)})
            return
        if target.label not in self.rules:  # a package group
            self._record(target, {})
            return
        rule = self.rules[target.label]
        if rule is ALIAS:
            actual = target.attributes["actual"]
            self.values[target.label] = self.values[actual].called(target.label)
            self.configured[target.label] = self.configured[actual]
            return
        if rule is TEST_SUITE:
            self.suites[target.label] = tests_of(target, self.values, self.suites)
        if rule.implementation is None:
            self._record(target, {DEFAULT_INFO: default_info([], target.span)})
            return
        check_dependencies(rule, target, self.values)
        views = attribute_views(target, rule, self.values, self.configuration, lenient=self.lenient)
        actions = Actions(target.label, self.tools)
        outputs = actions.predeclare(rule.made(target.attributes))
        views |= {"outputs": output_view(rule, target, outputs), **self.facts}
        context = rule_context(target, rule, views, actions, self.graph.workspace)
        result = call(rule.implementation, [context], {}, printer=self.printer, span=target.span)
        if unmade := actions.unmade():
            raise BuildError(f"rule '{rule.name}' declares '{unmade[0].path}' but no action makes it")
        self.paths.claim(actions.declared)
        self.actions += actions.declared
        self.made |= {made.path: made for action in actions.declared for _, made in action.outputs}
        self._record(target, returned(result, rule, target, [file for _, file in outputs]))

    def _record(self, target: Target, instances: dict[Provider, Instance]) -> None:
        known: dict[Provider, Any] = {
            provider: READERS[provider](instance) for provider, instance in instances.items() if provider in READERS
        }
        configured = ConfiguredTarget(
            target.label,
            files_of(instances.get(DEFAULT_INFO)),
            image=known.get(IMAGE_INFO),
            lock=known.get(LOCK_INFO),
            push=known.get(PUSH_INFO),
            test=known.get(TEST_INFO),
            run=known.get(RUN_INFO),
            **program_of(instances.get(DEFAULT_INFO)),
        )
        if configured.lock and not self.lenient:
            check_lock(configured.lock, target, self.configuration)
        self.values[target.label] = TargetValue(target, instances)
        self.configured[target.label] = configured


class _Paths:
    """Which target makes what: no path is made twice, and none lies inside another."""

    def __init__(self) -> None:
        self.owners: dict[str, Label] = {}
        self.folders: dict[str, tuple[str, Label]] = {}

    def claim(self, actions: list[Action]) -> None:
        """Take the outputs of one target. Raises BuildError where another one has them."""
        for action in actions:
            for _, artifact in action.outputs:
                self._claim(artifact.path, action.owner)

    def _claim(self, path: str, owner: Label) -> None:
        if other := self.owners.get(path):
            raise BuildError(f"'{path}' is made by two targets: '{other}' and '{owner}'")
        parts = path.split("/")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        for folder in above:
            if other := self.owners.get(folder):
                raise BuildError(f"'{path}' of '{owner}' would lie inside '{folder}' of '{other}'")
        if path in self.folders:
            inner, other = self.folders[path]
            raise BuildError(f"'{inner}' of '{other}' would lie inside '{path}' of '{owner}'")
        self.owners[path] = owner
        for folder in above:
            self.folders.setdefault(folder, (path, owner))


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
