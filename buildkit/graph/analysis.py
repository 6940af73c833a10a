"""Analysis: each target's rule runs, declares actions and returns providers.

In: a `TargetGraph`, the rules of its targets and the tools' signatures. Out: `Analysis`: an `ActionGraph`, and of each
target the facts that the engine knows by name. Nothing is read, hashed or run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.action import Action, ActionGraph, Artifact, Signature
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.configured import ConfiguredGraph, Node, configure
from buildkit.graph.context import Actions, configuration_views, rule_context
from buildkit.graph.dependency import check_dependencies, check_lock
from buildkit.graph.instance import Instance, Provider
from buildkit.graph.kinds import ALIAS, KINDS, TEST_SUITE
from buildkit.graph.made_in import MadeIn
from buildkit.graph.modules import Printer
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.platform import Platform
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
from buildkit.lang import Dict, call, freeze
from buildkit.records import dataclass


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
    configuration: Configuration = DEFAULT

    @property
    def manifest(self) -> Artifact | None:
        """The manifest or index of the image that it is, or that it pushes."""
        return self.image.manifest if self.image else self.push.image if self.push else None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What will run, and what each target offers. `skipped` were asked for, but are not for the platform.

    `faults` are those of what was left out, where loading and analysis were to keep going. `platform` is the
    configuration's, such as linux/amd64. `elsewhere` are the targets that transitions led to, in other configurations
    than the one that was asked for.
    """

    actions: ActionGraph
    configured: Mapping[Label, ConfiguredTarget]
    requested: tuple[Label, ...]
    packages: int
    skipped: tuple[Label, ...] = ()
    warnings: tuple[str, ...] = ()
    faults: tuple[BuildError, ...] = ()
    platform: str = "linux/amd64"
    elsewhere: tuple[ConfiguredTarget, ...] = ()


def analyze(
    graph: TargetGraph,
    rules: Mapping[Label, Rule],
    tools: Mapping[str, Signature],
    printer: Printer,
    *,
    configuration: Configuration = DEFAULT,
    missing_locks: bool = False,
    keep_going: bool = False,
    stamp: Mapping[str, str] | None = None,
) -> Analysis:
    """Run the rules of all targets that are needed in a configuration, dependencies first.

    Raises BuildErrors with the faults of all that fail; with `keep_going` only where all that was asked for does.
    `missing_locks` lets locks that are missing or stale pass, for the command that writes them. `stamp` is what rules
    are told of the build itself, as `ctx.stamp`.
    """
    return _Analyzer(graph, rules, tools, printer, missing_locks, stamp or {}).run(configuration, keep_going)


class _Scene:
    """One configuration: what its targets are to those that need them."""

    def __init__(self, configuration: Configuration, platform: Platform, made_in: MadeIn) -> None:
        self.configuration = configuration
        self.made_in = made_in
        self.facts = configuration_views(configuration, platform)
        self.values: dict[Label, TargetValue] = {}
        self.configured: dict[Label, ConfiguredTarget] = {}
        self.made: dict[str, Artifact] = {}
        self.suites: dict[Label, tuple[Label, ...]] = {}


class _Analyzer:
    def __init__(
        self,
        graph: TargetGraph,
        rules: Mapping[Label, Rule],
        tools: Mapping[str, Signature],
        printer: Printer,
        lenient: bool,
        stamp: Mapping[str, str],
    ) -> None:
        self.graph = graph
        self.rules = rules
        self.tools = tools
        self.printer = printer
        self.lenient = lenient
        self.stamp = freeze(Dict(sorted(stamp.items())))
        self.actions: list[Action] = []
        self.paths = _Paths()
        self.scenes: dict[Configuration, _Scene] = {}
        self.told: set[tuple[object, ...]] = set()

    def run(self, configuration: Configuration, keep_going: bool) -> Analysis:
        graph = configure(self.graph, self.rules, configuration, self.printer)
        for one, platform in graph.platforms.items():
            made_in = MadeIn() if one == configuration else MadeIn(one.folder, one.short)
            self.scenes[one] = _Scene(one, platform, made_in)
        incompatible = graph.incompatible
        refused = [label for label in self.graph.requested if label in self.graph.named & incompatible]
        faults = [*graph.faults, *(graph.refused(self.graph.targets[label]) for label in refused)]
        for node in graph.nodes:
            faults += self._attempt(node, graph)
        faults[:0] = self.graph.faults
        asked = self.scenes[configuration]
        if faults and not (keep_going and any(label in asked.configured for label in self.graph.requested)):
            raise BuildErrors(faults)
        others = [scene for scene in self.scenes.values() if scene is not asked]
        return Analysis(
            ActionGraph.of(self.actions),
            asked.configured,
            self._requested(asked),
            self.graph.packages,
            tuple(label for label in self.graph.requested if label in incompatible),
            self.graph.warnings,
            tuple(faults),
            str(graph.platforms[configuration]),
            tuple(target for scene in others for target in scene.configured.values()),
        )

    def _attempt(self, node: Node, graph: ConfiguredGraph) -> list[BuildError]:
        """Configure a target, unless something that it needs has failed: that fault is the one to show."""
        scene, where = self.scenes[node.configuration], node.configuration
        if node.branches:
            sound = all(label in self.scenes[there].values for label, there in node.needs())
        else:
            sound = all(needed in scene.values for needed, _ in node.target.dependencies)
        if not sound:
            return []
        try:
            self._configure(node, scene)
        except (BuildError, BuildErrors) as error:
            errors = error.errors if isinstance(error, BuildErrors) else (error,)
            said = [] if where == graph.configuration else [f"in the configuration {graph.described(where)}"]
            return [_placed(one, node.target, said) for one in errors if self._is_new(one, node.target)]
        return []

    def _is_new(self, error: BuildError, target: Target) -> bool:
        """Whether a fault of a target was not told yet, for another configuration."""
        fault = (target.label, error.span, error.message)
        if fault in self.told:
            return False
        self.told.add(fault)
        return True

    def _requested(self, scene: _Scene) -> tuple[Label, ...]:
        """What was asked for: what aliases stand for, the tests of suites; no conditions, unless only these were."""
        sound = [label for label in self.graph.requested if label in scene.configured]
        named = dict.fromkeys(scene.configured[label].label for label in sound)
        asked = dict.fromkeys(one for label in named for one in scene.suites.get(label, (label,)))
        built = [label for label in asked if scene.values[label].target.rule not in KINDS]
        return tuple(built or asked)

    def _configure(self, node: Node, scene: _Scene) -> None:
        target = node.target
        if target.is_source:
            artifact = Artifact(target.label, target.label.path, source=True)
            self._record(target, {DEFAULT_INFO: default_info([FileValue(artifact)], target.span)}, scene)
            return
        if target.generator:
            file = FileValue(scene.made[target.label.path])
            self._record(target, {DEFAULT_INFO: default_info([file], target.span)}, scene)
            return
        if target.label not in self.rules:  # a package group
            self._record(target, {}, scene)
            return
        rule = self.rules[target.label]
        if rule is ALIAS:
            actual = target.attributes["actual"]
            scene.values[target.label] = scene.values[actual].called(target.label)
            scene.configured[target.label] = scene.configured[actual]
            return
        if rule is TEST_SUITE:
            scene.suites[target.label] = tests_of(target, scene.values, scene.suites)
        if rule.implementation is None:
            self._record(target, {DEFAULT_INFO: default_info([], target.span)}, scene)
            return
        self._record(target, self._returned(node, rule, scene), scene)

    def _returned(self, node: Node, rule: Rule, scene: _Scene) -> dict[Provider, Instance]:
        """What a rule's implementation returns for a target; the actions that it declares are noted."""
        target = node.target
        elsewhere = {
            name: [(key, self.scenes[there].values) for key, there in branches]
            for name, branches in node.branches.items()
        }
        check_dependencies(rule, target, scene.values, elsewhere)
        views = attribute_views(target, rule, scene.values, scene.configuration, elsewhere, lenient=self.lenient)
        actions = Actions(target.label, self.tools, scene.made_in)
        outputs = actions.predeclare(rule.made(target.attributes))
        views |= {"outputs": output_view(rule, target, outputs), "stamp": self.stamp, **scene.facts}
        context = rule_context(target, rule, views, actions, self.graph.workspace)
        result = call(rule.implementation, [context], {}, printer=self.printer, span=target.span)
        if unmade := actions.unmade():
            raise BuildError(f"rule '{rule.name}' declares '{unmade[0].short_path}' but no action makes it")
        self.paths.claim(actions.declared)
        self.actions += actions.declared
        scene.made |= {made.short_path: made for action in actions.declared for _, made in action.outputs}
        return returned(result, rule, target, [file for _, file in outputs])

    def _record(self, target: Target, instances: dict[Provider, Instance], scene: _Scene) -> None:
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
            configuration=scene.configuration,
        )
        if configured.lock and not self.lenient:
            check_lock(configured.lock, target, scene.configuration)
        scene.values[target.label] = TargetValue(target, instances)
        scene.configured[target.label] = configured


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


def _placed(error: BuildError, target: Target, said: Sequence[str] = ()) -> BuildError:
    """An error with a place: its own, or else the target's; and with the target, where the place is elsewhere.

    What a standard rule finds fault with is the target: nobody can mend it in the rule's file.
    """
    said_twice, inner = f"called from {target.span}", "called from @"  # how a standard rule calls itself helps nobody
    span = error.span or target.span
    notes = [note for note in error.notes if note != said_twice and not note.startswith(inner)]
    if span.path.startswith("@"):
        notes, span = [f"said by {span}", *notes], target.span
    elif span.path != target.span.path:
        notes.append(f"in {target.label} ({target.span})")
    notes += said
    return type(error)(error.message, span=span, hint=error.hint, notes=notes, details=error.details)
