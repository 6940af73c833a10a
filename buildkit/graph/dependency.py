"""Whether what a target depends on fits: the kinds of files and providers that attributes ask for, and its lock.

In: a target, its rule, and the targets that it depends on. Out: nothing, or all faults, each at its attribute.
"""

from __future__ import annotations

from collections.abc import Mapping

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.attribute import Attribute
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.conversion import LockFile
from buildkit.graph.lockfile import request_key
from buildkit.graph.package import Target
from buildkit.graph.provider import LockInfo
from buildkit.graph.rule import Rule
from buildkit.graph.target_value import NOWHERE, Elsewhere, TargetValue
from buildkit.label import Label


def check_dependencies(
    rule: Rule, target: Target, values: Mapping[Label, TargetValue], elsewhere: Elsewhere = NOWHERE
) -> None:
    """Raise BuildErrors for every dependency that cannot stand where it stands."""
    faults = []
    named = [
        (label, name, there[label])
        for label, name in target.dependencies
        for _, there in elsewhere.get(name) or ((None, values),)
    ]
    for label, name, found in named:
        span, attribute = target.spans.get(name, target.span), rule.schema[name]
        if found.target.is_file and not attribute.takes_file(found.label.name):
            message = f"attribute '{name}' of rule '{rule.name}' does not take the file '{label}'"
            faults.append(BuildError(message, span=span, hint=_takes(attribute)))
        elif why := _misfit(attribute, found):
            notes = [f"it is a target that provides {found.provided}"] if found.provided else []
            faults.append(BuildError(f"'{label}' cannot stand in '{name}': {why}", span=span, notes=notes))
    if faults:
        raise BuildErrors(faults)


def _takes(attribute: Attribute) -> str:
    if isinstance(attribute.allow_files, tuple):
        return f"it takes files whose names end in {_endings(attribute.allow_files)}"
    return "it takes targets only"


def _endings(allowed: tuple[str, ...]) -> str:
    return " or ".join(repr(ending) for ending in allowed)


def _misfit(attribute: Attribute, found: TargetValue) -> str | None:
    """Why a target does not fit, or None."""
    if found.target.is_file:
        return None
    lacking = [[one.name for one in names if not found.contains(one)] for names in attribute.alternatives]
    if lacking and all(lacking):
        return "it does not provide " + " or ".join(", ".join(names) for names in lacking)
    if attribute.rules and found.target.rule not in attribute.rules:
        return f"it is a target of '{found.target.rule}', expected {' or '.join(map(repr, attribute.rules))}"
    if attribute.executable and found.executable is None:
        return "it has no executable file"
    if attribute.single_file and len(found.artifacts) != 1:
        return f"expected one file, it has {len(found.artifacts)}"
    odd = [file.path for file in found.artifacts if not attribute.takes_file(file.path)]
    if odd and isinstance(attribute.allow_files, tuple):
        return f"expected files whose names end in {_endings(attribute.allow_files)}, it has '{odd[0]}'"
    return None


def check_lock(info: LockInfo, target: Target, configuration: Configuration = DEFAULT) -> None:
    """Raise BuildError where the lock that a target names is of another kind, or answers another request."""
    for file in target.attributes.values():
        if not isinstance(file, LockFile) or file.path != info.file or file.lock is None:
            continue
        if file.lock.kind != info.kind:
            message = f"'{file.path}' is a {file.lock.kind} lock, expected a {info.kind} lock"
            hint = f"name a file of its own; '{configuration.locking(target.label)}' writes it"
            raise BuildError(message, span=file.span, hint=hint)
        if file.lock.request_key != request_key(info.kind, info.request):
            raise BuildError(
                f"the lock '{file.path}' is stale: it answers another request",
                span=file.span,
                hint=f"run '{configuration.locking(target.label)}'",
            )
