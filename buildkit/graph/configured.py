"""The configured graph: of everything that was loaded, what a configuration needs, its selections resolved.

In: a `TargetGraph` and a configuration. Out: `ConfiguredGraph`; branches that do not hold are loaded, but not in it.
Where transitions lead to other configurations, what is needed there is in it too, once for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.conditions import Conditions
from buildkit.graph.configuration import DEFAULT_PLATFORM, Configuration
from buildkit.graph.kinds import TEST_SUITE
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.platform import Platform, real
from buildkit.graph.rule import Rule
from buildkit.graph.transition import Branches, Transition
from buildkit.label import Label
from buildkit.lang import Printer
from buildkit.records import dataclass

Place = tuple[Label, Configuration]
_MOST = 1000  # configurations of one analysis: what is needed is looked at for each of them


@dataclass(frozen=True, slots=True)
class Node:
    """A target in a configuration, resolved; `branches` are the configurations of what some attributes name."""

    target: Target
    configuration: Configuration
    branches: Mapping[str, Branches] = field(default_factory=dict)

    def needs(self) -> Iterator[Place]:
        """What it depends on, and in which configurations."""
        for label, attribute in self.target.dependencies:
            for _, configuration in self.branches.get(attribute) or ((None, self.configuration),):
                yield label, configuration


@dataclass(frozen=True, slots=True)
class ConfiguredGraph:
    """Resolved targets in their configurations, dependencies first; `faults` keep some, and all that needs these, from
    being configured. `platforms` are those of the configurations.

    `incompatible` are those that the platform has not got what it takes for, each with what is in the way: a constraint
    value, or a dependency that is incompatible. They are not among the nodes.
    """

    configuration: Configuration
    nodes: tuple[Node, ...]
    platforms: Mapping[Configuration, Platform]
    faults: tuple[BuildError, ...]
    hindrances: Mapping[Place, Place]

    @property
    def targets(self) -> Mapping[Label, Target]:
        """The targets in the configuration that was asked for."""
        return {node.target.label: node.target for node in self.nodes if node.configuration == self.configuration}

    @property
    def incompatible(self) -> frozenset[Label]:
        """The targets that the platform that was asked for is not for."""
        return frozenset(label for label, configuration in self.hindrances if configuration == self.configuration)

    def checked(self) -> ConfiguredGraph:
        """Itself, or BuildErrors with the faults."""
        if self.faults:
            raise BuildErrors(self.faults)
        return self

    def refused(self, target: Target) -> BuildError:
        """The error for an incompatible target that was asked for by name."""
        way = [(target.label, self.configuration)]
        while way[-1] in self.hindrances:
            way.append(self.hindrances[way[-1]])
        notes = [str(target.label), *(f"  needs {self.shown(place)}" for place in way[1:])]
        platform = self.platforms[self.configuration]
        message = f"'{target.label}' is not compatible with the platform '{platform.label}' ({platform})"
        hint = "build it for another --platform"
        if way[-1][0] == (self.configuration.host or DEFAULT_PLATFORM):
            hint = "it runs what is built, and actions run on another platform; --host-platform says on which"
        return BuildError(message, span=target.span, notes=notes, hint=hint)

    def shown(self, place: Place) -> str:
        """A target, and its configuration where that is another than the one that was asked for."""
        label, configuration = place
        return str(label) if configuration == self.configuration else f"{label} ({self.described(configuration)})"

    def described(self, configuration: Configuration) -> str:
        """A configuration, for messages: its name, and what it is."""
        return f"{configuration.short}: {configuration}, {self.platforms[configuration]}"


def configure(
    graph: TargetGraph,
    rules: Mapping[Label, Rule],
    configuration: Configuration,
    printer: Printer = lambda span, text: None,
) -> ConfiguredGraph:
    """Resolve what is asked for, and all that it needs then. Raises BuildError for a platform that is none."""
    return _Configuring(graph, rules, printer).run(configuration)


class _World:
    """One configuration: what is needed in it."""

    def __init__(self, configuration: Configuration, conditions: Conditions) -> None:
        self.configuration = configuration
        self.conditions = conditions
        self.needed: set[Label] = set()


class _Configuring:
    """Goes through what was loaded, users first, so that all configurations of a target are known when it is met."""

    def __init__(self, graph: TargetGraph, rules: Mapping[Label, Rule], printer: Printer) -> None:
        self.graph = graph
        self.rules = rules
        self.printer = printer
        self.worlds: dict[Configuration, _World] = {}
        self.resolved: list[Node] = []
        self.hindrances: dict[Place, Place] = {}
        self.faults: list[BuildError] = []

    def run(self, configuration: Configuration) -> ConfiguredGraph:
        """Everything, for what is asked for in a configuration."""
        self._world(configuration).needed.update(self.graph.requested)
        for target in reversed(list(self.graph.targets.values())):
            for world in reversed(tuple(self.worlds.values())):  # so that what was asked for comes first in the end
                if target.label in world.needed:
                    try:
                        self._resolve(target, world)
                    except (BuildError, BuildErrors) as error:
                        faults = error.errors if isinstance(error, BuildErrors) else (error,)
                        self.faults += faults
        unique = {(fault.span, fault.message): fault for fault in reversed(self.faults)}
        platforms = {world.configuration: world.conditions.platform for world in self.worlds.values()}
        nodes = tuple(self._compatible())
        return ConfiguredGraph(configuration, nodes, platforms, tuple(unique.values()), self.hindrances)

    def _world(self, configuration: Configuration) -> _World:
        if configuration not in self.worlds:
            if len(self.worlds) == _MOST:
                hint = "a transition to several configurations multiplies with those of what it leads to"
                raise BuildError(f"transitions lead to more than {_MOST} configurations", hint=hint)
            conditions = Conditions(configuration, self.graph.targets, self.rules)
            self.worlds[configuration] = _World(configuration, conditions)
        return self.worlds[configuration]

    def _resolve(self, target: Target, world: _World) -> None:
        conditions = world.conditions
        found = conditions.resolved(target)
        lacking = conditions.lacking(found)
        if found.rule == "config_setting":  # what is wrong with it is told even where no select asks
            conditions.requirements(found.label, found, "name")
        if lacking:
            self.hindrances[target.label, world.configuration] = (lacking, world.configuration)
            return
        branches = self._branches(found, world)
        if branches:
            node = Node(found, world.configuration, branches)
            for label, configuration in node.needs():
                self._world(configuration).needed.add(label)
        else:
            node = Node(found, world.configuration)
            world.needed.update([dependency for dependency, _ in found.dependencies])
        self.resolved.append(node)

    def _branches(self, target: Target, world: _World) -> dict[str, Branches]:
        """The configurations of what attributes name, of those where it is not the target's own."""
        rule = self.rules.get(target.label)
        if rule is None or not rule.edges:
            return {}
        found: dict[str, Branches] = {}
        for name in dict.fromkeys(name for _, name in target.dependencies if name in rule.edges):
            edge = rule.edges[name]
            if isinstance(edge, Transition):
                found[name] = self._followed(edge, target, name, world)
            elif world.configuration.execution != world.configuration:
                found[name] = ((None, world.configuration.execution),)
        return found

    def _followed(self, edge: Transition, target: Target, name: str, world: _World) -> Branches:
        try:
            found = edge.branches(world.configuration, target.attributes, self.printer)
            return tuple((key, self._world(self._real(one)).configuration) for key, one in found)
        except BuildError as error:
            span = error.span if error.span and not error.span.path.startswith("@") else None
            notes = [*error.notes, f"in the transition of '{name}' of {target.label} ({target.span})"]
            span = span or target.spans.get(name, target.span)
            raise BuildError(error.message, span=span, hint=error.hint, notes=notes) from None

    def _real(self, configuration: Configuration) -> Configuration:
        """The same, where the platform is named by an alias."""
        named = configuration.platform
        if named is None or named not in self.graph.targets:
            return configuration
        return configuration.to(real(named, self.graph.targets), configuration.defines)

    def _compatible(self) -> Iterator[Node]:
        """The nodes that need nothing incompatible, dependencies first; those that do are noted."""
        for node in reversed(self.resolved):
            hindrances = [place for place in node.needs() if place in self.hindrances] if self.hindrances else []
            if hindrances and node.target.rule == TEST_SUITE.name:  # the tests that are for the platform are left
                lost = {label for label, _ in hindrances}
                kept = tuple(pair for pair in node.target.dependencies if pair[0] not in lost)
                yield replace(node, target=replace(node.target, dependencies=kept))
            elif hindrances:
                self.hindrances[node.target.label, node.configuration] = hindrances[0]
            else:
                yield node
