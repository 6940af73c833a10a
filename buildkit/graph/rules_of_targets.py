"""The rule of each target that was loaded; the .bzl files of kept packages are run when a rule is asked for.

In: packages as they are loaded. Out: rules by the labels of targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from buildkit.errors import BuildErrors
from buildkit.graph.kept_packages import KeptTargets
from buildkit.graph.modules import Modules
from buildkit.graph.package import Package
from buildkit.graph.rule import Rule
from buildkit.graph.scope import PackageScope
from buildkit.label import Label


class RulesOfTargets(Mapping[Label, Rule]):
    """A view of `packages`, to which the loader adds."""

    def __init__(self, packages: Mapping[str, Package | BuildErrors], modules: Modules) -> None:
        self._packages = packages
        self._modules = modules
        self._known: dict[Label, Rule] = {}

    def add(self, scope: PackageScope) -> None:
        """Learn the rules of a package that was just loaded."""
        self._known |= {scope.targets[target].label: rule for target, rule in scope.rules.items()}

    def __getitem__(self, label: Label) -> Rule:
        if label not in self._known:
            targets = self._kept_targets(label)
            self._known[label] = self._modules.rule(targets.rule_of(label.name))
        return self._known[label]

    def __iter__(self) -> Iterator[Label]:
        named = (
            Label("", package.name, name)
            for package in self._packages.values()
            if isinstance(package, Package)
            for name in package.names
        )
        return iter(dict.fromkeys([*self._known, *named]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _kept_targets(self, label: Label) -> KeptTargets:
        package = self._packages.get(label.package) if not label.repository else None
        if isinstance(package, Package) and isinstance(package.targets, KeptTargets):
            return package.targets
        raise KeyError(label)
