"""The package that is being loaded: what calls in its BUILD file add to.

In: declarations, while a BUILD file runs. Out: targets, exported files, faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from buildkit.errors import BuildError, Span
from buildkit.graph.conversion import LockFile, Place
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.package import Target
from buildkit.graph.values import written_in
from buildkit.label import Label

if TYPE_CHECKING:
    from buildkit.graph.rule import Rule


class PackageScope:
    """Collects one package's targets; `faults` are shown together when the file has run."""

    def __init__(
        self, package: str, files: WorkspaceFiles, read_lock: Callable[[str, Span], LockFile], repository: str = ""
    ) -> None:
        self.repository = repository
        self.package = package
        self.files = files
        self.read_lock = read_lock
        self.targets: dict[str, Target] = {}
        self.rules: dict[str, Rule] = {}
        self.faults: list[BuildError] = []
        self.default_visibility: tuple[str, ...] | None = None  # where `package` gives none, each rule has its own
        self.described = False  # whether `package` was called
        self.defaults: dict[str, Any] = {}  # of common attributes, by name

    def place(self, find_span: Callable[[], Span]) -> Place:
        """How labels written in this BUILD file are read."""
        return Place(self.repository, self.package, find_span, self.read_lock)

    def place_in(self, path: str, find_span: Callable[[], Span]) -> Place:
        """How labels written in a .bzl file are read: relative to that file's own repository and folder."""
        return Place(*written_in(path), find_span, self.read_lock)

    def declare(self, target: Target, rule: Rule | None = None) -> None:
        """Add a target; one name names one target."""
        name = target.label.name
        if earlier := self.targets.get(name):
            notes = [f"first declared at {earlier.span}"]
            self.faults.append(BuildError(_twice(earlier, target), span=target.span, notes=notes))
            return
        self.targets[name] = target
        if rule:
            self.rules[name] = rule
            self._declare_outputs(target, rule)

    def _declare_outputs(self, target: Target, rule: Rule) -> None:
        """The files that a target makes are targets too; one of the target's own name is reached through it."""
        for attribute, name in rule.made(target.attributes):
            if name != target.label.name:
                self._declare_output(name, target, target.spans.get(attribute, target.span))

    def _declare_output(self, name: str, target: Target, span: Span) -> None:
        try:
            label = Label.parse(f":{name}", self.package, self.repository)
        except BuildError:
            message = f"{name!r} is not a file name: it must be a path below the package"
            self.faults.append(BuildError(message, span=span))
            return
        needed = ((target.label, ""),)
        inherited = {name: target.attributes[name] for name in _INHERITED if target.attributes.get(name)}
        self.declare(Target(label, "", inherited, span, {}, needed, target.visibility, generator=target.label))


# What holds for a file because it holds for the target that makes it.
_INHERITED = ("testonly", "deprecation", "licenses")


def _twice(earlier: Target, later: Target) -> str:
    name = later.label.name
    if earlier.generator and later.generator:
        return f"'{name}' is made by two targets: '{earlier.generator}' and '{later.generator}'"
    if generator := earlier.generator or later.generator:
        return f"'{name}' is declared twice: by itself, and as an output of '{generator}'"
    return f"target '{name}' is declared twice"
