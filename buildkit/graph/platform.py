"""Platforms: what `platform` targets say, their parents and constraints taken together.

In: the targets of a graph. Out: `Platform`. Without `--platform` it is linux/amd64, on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from buildkit.errors import BuildError
from buildkit.graph.configuration import DEFAULT_PLATFORM
from buildkit.graph.package import Target
from buildkit.graph.workspace import STANDARD_PLATFORMS, STANDARD_REPOSITORY
from buildkit.label import Label
from buildkit.records import dataclass


def _standard(name: str) -> Label:
    return Label(STANDARD_REPOSITORY, STANDARD_PLATFORMS, name)


COMPATIBLE_WITH = "target_compatible_with"  # the attribute of every rule that says which platforms it is for
_OS, _CPU = _standard("os"), _standard("cpu")
_VARIANT = re.compile(r"[\w.-]+", re.ASCII)
_PROCESSORS = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """Where images are to run. `constraints` are its constraint values by the settings that they are values of."""

    label: Label
    os: str
    arch: str
    variant: str
    constraints: Mapping[Label, Label]

    @classmethod
    def default(cls) -> Platform:
        """The platform where none is named."""
        return cls._linux(DEFAULT_PLATFORM, "amd64")

    @classmethod
    def standard(cls, label: Label) -> Platform | None:
        """A platform of mbuild's own, by its label: these are known without their package."""
        known = {_standard(f"linux_{arch}"): arch for arch in ("amd64", "arm64")}
        return cls._linux(label, known[label]) if label in known else None

    @classmethod
    def _linux(cls, label: Label, arch: str) -> Platform:
        return cls(label, "linux", arch, "", {_OS: _standard("linux"), _CPU: _standard(arch)})

    def runs(self, other: Platform) -> bool:
        """Whether a machine of this platform can run what is built for another."""
        return (self.os, self.arch) == (other.os, other.arch)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.arch, self.variant) if part)


def platform_of_machine(processor: str) -> Label:
    """The standard platform of a machine, by its processor as the system calls it. Raises BuildError for others."""
    if arch := _PROCESSORS.get(processor.lower()):
        return _standard(f"linux_{arch}")
    hint = "name a platform target that has its 'arch'"
    raise BuildError(f"mbuild knows no platform of this machine's processor '{processor}'", hint=hint)


def platform_of(label: Label, targets: Mapping[Label, Target]) -> Platform:
    """The platform that a label names. Raises BuildError where it names something else, or contradicts itself."""
    target = targets[label]
    if target.rule != "platform":
        raise BuildError(f"'{label}' is not a platform: it is {target.a_kind}")
    base, own = _parent(target, targets), _own_constraints(target, targets)
    merged = {**base.constraints, **own}
    variant = _own_variant(target) or (base.variant if _CPU not in own else "")
    return Platform(label, merged[_OS].name, merged[_CPU].name, variant, merged)


def _own_variant(target: Target) -> str:
    """A platform's `variant`, which stands behind a '/' where platforms are named."""
    variant: str = target.attributes["variant"]
    if variant and not _VARIANT.fullmatch(variant):
        message = f"platform '{target.label}' has the variant {variant!r}, expected letters, digits, '.', '_' or '-'"
        raise _fault(target, "variant", message)
    return variant


def _parent(target: Target, targets: Mapping[Label, Target]) -> Platform:
    """What a platform has where it says nothing itself."""
    parents = target.attributes["parents"]
    if len(parents) > 1:
        message = f"platform '{target.label}' has {len(parents)} parents, expected one at most"
        raise _fault(target, "parents", message)
    if not parents:
        return Platform.default()
    return platform_of(part_of(target, "parents", parents[0], targets).label, targets)


def _own_constraints(target: Target, targets: Mapping[Label, Target]) -> dict[Label, Label]:
    """The constraint values of a platform, and those that its `os` and `arch` imply."""
    own = constraints_of(target, targets)
    for name, setting in (("os", _OS), ("arch", _CPU)):
        given, named = target.attributes[name], own.get(setting)
        if given and named and named.name != given:
            message = f"platform '{target.label}' has {name} '{given}', but its constraint_values say '{named.name}'"
            raise _fault(target, name, message)
        if given:
            own[setting] = _standard(given)
    return own


def constraints_of(target: Target, targets: Mapping[Label, Target]) -> dict[Label, Label]:
    """The `constraint_values` of a target by their settings. Raises BuildError for two values of one setting."""
    found: dict[Label, Label] = {}
    for label in target.attributes["constraint_values"]:
        value = part_of(target, "constraint_values", label, targets)
        setting = setting_of(value, targets)
        if found.setdefault(setting, value.label) != value.label:
            message = f"'{found[setting]}' and '{value.label}' are both values of '{setting}'"
            raise _fault(target, "constraint_values", message)
    return found


def setting_of(value: Target, targets: Mapping[Label, Target]) -> Label:
    """The constraint_setting of a constraint_value."""
    return part_of(value, "constraint_setting", value.attributes["constraint_setting"], targets).label


def real(label: Label, targets: Mapping[Label, Target]) -> Label:
    """The label that an alias stands for; one whose `actual` is a select is left as it is."""
    target = targets[label]
    while target.rule == "alias" and isinstance(target.attributes["actual"], Label):
        target = targets[target.attributes["actual"]]
    return target.label


_EXPECTED = {
    "parents": "platform",
    "constraint_values": "constraint_value",
    "constraint_setting": "constraint_setting",
    COMPATIBLE_WITH: "constraint_value",
}


def part_of(target: Target, attribute: str, label: Label, targets: Mapping[Label, Target]) -> Target:
    """What a label in an attribute stands for. Raises BuildError where it is not of the kind that belongs there."""
    found = targets[real(label, targets)]
    if found.rule != _EXPECTED[attribute]:
        message = f"'{label}' cannot stand in '{attribute}': expected a {_EXPECTED[attribute]}, found {found.a_kind}"
        raise _fault(target, attribute, message)
    return found


def _fault(target: Target, attribute: str, message: str) -> BuildError:
    return BuildError(message, span=target.spans.get(attribute, target.span))
