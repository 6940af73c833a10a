"""The configured graph: of everything that was loaded, what a configuration needs, its selections resolved.

In: a `TargetGraph` and a configuration. Out: `ConfiguredGraph`; branches that do not hold are loaded, but not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.conditions import Conditions
from buildkit.graph.configuration import Configuration
from buildkit.graph.kinds import TEST_SUITE
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.platform import Platform
from buildkit.graph.rule import Rule
from buildkit.label import Label


@dataclass(frozen=True, slots=True)
class ConfiguredGraph:
    """Resolved targets, dependencies first; `faults` keep some, and all that needs these, from being configured.

    `incompatible` are those that the platform has not got what it takes for, each with what is in the way: a constraint
    value, or a dependency that is incompatible. They are not among `targets`.
    """

    targets: Mapping[Label, Target]
    platform: Platform
    faults: tuple[BuildError, ...]
    incompatible: Mapping[Label, Label]

    def checked(self) -> ConfiguredGraph:
        """Itself, or BuildErrors with the faults."""
        if self.faults:
            raise BuildErrors(self.faults)
        return self

    def refused(self, target: Target) -> BuildError:
        """The error for an incompatible target that was asked for by name."""
        way = [target.label]
        while way[-1] in self.incompatible:
            way.append(self.incompatible[way[-1]])
        notes = [str(way[0]), *(f"  needs {label}" for label in way[1:])]
        message = f"'{target.label}' is not compatible with the platform '{self.platform.label}' ({self.platform})"
        return BuildError(message, span=target.span, notes=notes, hint="build it for another --platform")


def configure(graph: TargetGraph, rules: Mapping[Label, Rule], configuration: Configuration) -> ConfiguredGraph:
    """Resolve what is asked for, and all that it needs then. Raises BuildError for a platform that is none."""
    conditions = Conditions(configuration, graph.targets, rules)
    needed = set(graph.requested)
    resolved: list[Target] = []
    incompatible: dict[Label, Label] = {}
    faults: list[BuildError] = []
    for target in reversed(list(graph.targets.values())):
        if target.label not in needed:
            continue
        try:
            found = conditions.resolved(target)
            lacking = conditions.lacking(found)
            if found.rule == "config_setting":  # what is wrong with it is told even where no select asks
                conditions.requirements(found.label, found, "name")
        except (BuildError, BuildErrors) as error:
            faults += error.errors if isinstance(error, BuildErrors) else (error,)
            continue
        if lacking:
            incompatible[target.label] = lacking
            continue
        resolved.append(found)
        needed.update([dependency for dependency, _ in found.dependencies])
    unique = {(fault.span, fault.message): fault for fault in reversed(faults)}
    targets = _compatible(resolved, incompatible)
    return ConfiguredGraph(targets, conditions.platform, tuple(unique.values()), incompatible)


def _compatible(resolved: list[Target], incompatible: dict[Label, Label]) -> dict[Label, Target]:
    """The targets that need nothing incompatible, dependencies first; those that do are noted."""
    targets: dict[Label, Target] = {}
    for target in reversed(resolved):
        hindrances = [label for label, _ in target.dependencies if label in incompatible] if incompatible else []
        if hindrances and target.rule == TEST_SUITE.name:  # the tests that are for the platform are left
            kept = tuple(pair for pair in target.dependencies if pair[0] not in incompatible)
            targets[target.label] = replace(target, dependencies=kept)
        elif hindrances:
            incompatible[target.label] = hindrances[0]
        else:
            targets[target.label] = target
    return targets
