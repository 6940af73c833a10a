"""Packages and targets: what one BUILD file declares, as plain frozen values.

In: what the loader collects while a BUILD file runs. Out: `Package`, `Target`, `TargetGraph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.label import Label

PUBLIC, PRIVATE = "//visibility:public", "//visibility:private"


@dataclass(frozen=True, slots=True)
class Target:
    """One declared rule instance, or (`rule` '') a source file that other targets name.

    `rule` is the rule's name, for people. `attributes` hold plain values as `conversion.convert` makes them; `spans`
    say where each was written; `dependencies` pair a label with the attribute that names it.
    """

    label: Label
    rule: str
    attributes: Mapping[str, Any]
    span: Span
    spans: Mapping[str, Span]
    dependencies: tuple[tuple[Label, str], ...] = ()
    visibility: tuple[str, ...] = (PUBLIC,)

    @property
    def is_source(self) -> bool:
        """Whether it is a file of the workspace rather than something that a rule declares."""
        return not self.rule

    def visible_from(self, package: str) -> bool:
        """Whether targets of a package may depend on it."""
        if package == self.label.package:
            return True
        return any(_grants(grant, package) for grant in self.visibility)


def _grants(grant: str, package: str) -> bool:
    if grant in (PUBLIC, PRIVATE):
        return grant == PUBLIC
    granted, _, kind = grant.removeprefix("//").partition(":")
    if kind == "__pkg__":
        return package == granted
    return not granted or package == granted or package.startswith(granted + "/")


def check_visibility(grants: tuple[str, ...], span: Span) -> None:
    """Raise BuildError for a grant that is not one of the four forms."""
    for grant in grants:
        if grant in (PUBLIC, PRIVATE) or (grant.startswith("//") and grant.endswith((":__pkg__", ":__subpackages__"))):
            continue
        raise BuildError(
            f"{grant!r} is not a visibility",
            span=span,
            hint=f"use '{PUBLIC}', '{PRIVATE}', '//package:__pkg__' or '//package:__subpackages__'",
        )


@dataclass(frozen=True, slots=True)
class Package:
    """One BUILD file's targets by name; the source files that it exports are among them."""

    name: str
    path: str
    targets: Mapping[str, Target]


@dataclass(frozen=True, slots=True)
class TargetGraph:
    """What was asked, and everything that it depends on; dependencies come before those that need them."""

    targets: Mapping[Label, Target]
    requested: tuple[Label, ...]
    packages: int
