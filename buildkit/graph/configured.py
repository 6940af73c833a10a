"""The configured graph: of everything that was loaded, what a configuration needs, its selections resolved.

In: a `TargetGraph` and a configuration. Out: `ConfiguredGraph`; branches that do not hold are loaded, but not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.conditions import Conditions
from buildkit.graph.configuration import Configuration
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.platform import Platform
from buildkit.graph.rule import Rule
from buildkit.label import Label


@dataclass(frozen=True, slots=True)
class ConfiguredGraph:
    """Resolved targets, dependencies first; `faults` keep some, and all that needs these, from being configured."""

    targets: Mapping[Label, Target]
    platform: Platform
    faults: tuple[BuildError, ...]

    def checked(self) -> ConfiguredGraph:
        """Itself, or BuildErrors with the faults."""
        if self.faults:
            raise BuildErrors(self.faults)
        return self


def configure(graph: TargetGraph, rules: Mapping[Label, Rule], configuration: Configuration) -> ConfiguredGraph:
    """Resolve what is asked for, and all that it needs then. Raises BuildError for a platform that is none."""
    conditions = Conditions(configuration, graph.targets, rules)
    needed = set(graph.requested)
    resolved: list[Target] = []
    faults: list[BuildError] = []
    for target in reversed(list(graph.targets.values())):
        if target.label not in needed:
            continue
        try:
            found = conditions.resolved(target)
        except BuildErrors as errors:
            faults += errors.errors
            continue
        except BuildError as error:
            faults.append(error)
            continue
        resolved.append(found)
        needed |= {dependency for dependency, _ in found.dependencies}
    unique = {(fault.span, fault.message): fault for fault in reversed(faults)}
    return ConfiguredGraph(
        {target.label: target for target in reversed(resolved)}, conditions.platform, (*unique.values(),)
    )
