"""Packages and targets: what one BUILD file declares, as plain frozen values.

In: what the loader collects while a BUILD file runs. Out: `Package`, `Target`, `TargetGraph`. A configurable attribute
may be a `selection.Selection`: which of its branches holds is known only under a `configuration.Configuration`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.label import Label
from buildkit.records import dataclass

PUBLIC, PRIVATE = "//visibility:public", "//visibility:private"


@dataclass(frozen=True, slots=True)
class Target:
    """One declared rule instance, or (`rule` '') a file that other targets name, or a package group.

    `rule` is the rule's name, for people. `attributes` hold plain values as `conversion.convert` makes them, or
    Selections of such; `spans` say where each was written; `dependencies` pair a label with the attribute that names
    it: in every branch of every selection, and the conditions of these too. `generator` is the target that makes this
    one, where it is a file that a rule declares.
    """

    label: Label
    rule: str
    attributes: Mapping[str, Any]
    span: Span
    spans: Mapping[str, Span]
    dependencies: tuple[tuple[Label, str], ...] = ()
    visibility: tuple[str, ...] = (PUBLIC,)
    generator: Label | None = None

    @property
    def is_source(self) -> bool:
        """Whether it is a file of the workspace rather than something that a rule declares."""
        return not self.rule and self.generator is None and not self.attributes

    @property
    def is_file(self) -> bool:
        """Whether it is one file, of the workspace or made by a rule."""
        return self.is_source or self.generator is not None

    @property
    def kind(self) -> str:
        """What it is, in Bazel's words: 'source file', 'generated file', 'package group', or such as 'genrule rule'."""
        if self.rule:
            return f"{self.rule} rule"
        if self.generator:
            return "generated file"
        return "package group" if self.attributes else "source file"

    @property
    def a_kind(self) -> str:
        """What it is, for messages: 'a source file', or such as "a target of 'genrule'"."""
        return f"a target of '{self.rule}'" if self.rule else f"a {self.kind}"

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that people find it by."""
        return tuple(self.attributes.get("tags") or ())

    @property
    def testonly(self) -> bool:
        """Whether only tests, and what is testonly too, may depend on it."""
        return bool(self.attributes.get("testonly"))

    @property
    def deprecation(self) -> str:
        """What to use in its place, or ''."""
        return self.attributes.get("deprecation") or ""

    @property
    def groups(self) -> tuple[Label, ...]:
        """The package groups that it is visible to."""
        named = [grant for grant in self.visibility if grant not in (PUBLIC, PRIVATE)]
        return tuple(Label.parse(grant) for grant in named if not grant.endswith((":__pkg__", ":__subpackages__")))

    def visible_from(self, package: str) -> bool:
        """Whether targets of a package may depend on it, as far as that can be told without its package groups."""
        if package == self.label.package:
            return True
        return any(_grants(grant, package) for grant in self.visibility)


def _grants(grant: str, package: str) -> bool:
    if grant in (PUBLIC, PRIVATE):
        return grant == PUBLIC
    granted, _, kind = grant.removeprefix("//").partition(":")
    if kind == "__pkg__":
        return package == granted
    if kind != "__subpackages__":
        return False  # a package group, which `visibility.Visibility` knows
    return not granted or package == granted or package.startswith(granted + "/")


@dataclass(frozen=True, slots=True)
class Package:
    """One BUILD file's targets by name; the files that it exports, and those that its rules make, are among them.

    `loads` are all .bzl files that the BUILD file loads, and those that these load, sorted; `names` are those of the
    targets that rules declare, sorted.
    """

    name: str
    path: str
    targets: Mapping[str, Target]
    loads: tuple[Label, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetGraph:
    """What was asked, and everything that it depends on; dependencies come before those that need them.

    `named` are those that were asked for one by one, not by a pattern that takes in many. `faults` are those of what
    was left out, where loading was to keep going.
    """

    targets: Mapping[Label, Target]
    requested: tuple[Label, ...]
    packages: int
    workspace: str = ""
    named: frozenset[Label] = frozenset()
    warnings: tuple[str, ...] = ()
    faults: tuple[BuildError, ...] = ()
