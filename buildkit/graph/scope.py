"""The package that is being loaded: what calls in its BUILD file add to.

In: declarations, while a BUILD file runs. Out: targets, exported files, faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from buildkit.errors import BuildError, Span
from buildkit.graph.conversion import LockFile, Place
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.package import PRIVATE, Target
from buildkit.graph.values import written_in

if TYPE_CHECKING:
    from buildkit.graph.rule import Rule


class PackageScope:
    """Collects one package's targets; `faults` are shown together when the file has run."""

    def __init__(self, package: str, files: WorkspaceFiles, read_lock: Callable[[str, Span], LockFile]) -> None:
        self.package = package
        self.files = files
        self.read_lock = read_lock
        self.targets: dict[str, Target] = {}
        self.rules: dict[str, Rule] = {}
        self.faults: list[BuildError] = []
        self.default_visibility: tuple[str, ...] = (PRIVATE,)

    def place(self, span: Span) -> Place:
        """How labels written in this BUILD file are read."""
        return Place("", self.package, span, self.read_lock)

    def place_in(self, path: str, span: Span) -> Place:
        """How labels written in a .bzl file are read: relative to that file's own repository and folder."""
        return Place(*written_in(path), span, self.read_lock)

    def declare(self, target: Target, rule: Rule | None = None) -> None:
        """Add a target; one name names one target."""
        name = target.label.name
        if earlier := self.targets.get(name):
            notes = [f"first declared at {earlier.span}"]
            self.faults.append(BuildError(f"target '{name}' is declared twice", span=target.span, notes=notes))
            return
        self.targets[name] = target
        if rule:
            self.rules[name] = rule
