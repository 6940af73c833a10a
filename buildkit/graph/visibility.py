"""Who may depend on a target: grants to everybody, to packages, and to package groups.

In: the grants that targets were declared with, and a function that gives the target of a label. Out: whether one is
visible from a package; faults of groups that are none, or that include themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from buildkit.errors import BuildError, BuildErrors, Span, did_you_mean
from buildkit.graph.package import PRIVATE, PUBLIC, Target
from buildkit.label import Label

_OWN = ("__pkg__", "__subpackages__")
_HINT = f"use '{PUBLIC}', '{PRIVATE}', '//package:__pkg__', '//package:__subpackages__' or a package_group"


def read_grants(grants: tuple[str, ...], package: str, span: Span) -> tuple[str, ...]:
    """The grants with whole labels. Raises BuildError for one that is of no known form."""
    return tuple(_grant(grant, package, span) for grant in grants)


def _grant(grant: str, package: str, span: Span) -> str:
    if grant in (PUBLIC, PRIVATE):
        return grant
    granted, _, kind = grant.removeprefix("//").partition(":")
    if kind in _OWN and (grant.startswith("//") or not granted):
        return f"//{granted if grant.startswith('//') else package}:{kind}"
    if (not grant.startswith("//visibility:") and ":" in grant) or grant.startswith("//"):
        try:
            label = Label.parse(grant, package)
            if label.package != "visibility":
                return str(label)
        except BuildError:
            pass
    hint = did_you_mean(grant, (PUBLIC, PRIVATE)) or _HINT
    raise BuildError(f"{grant!r} is not a visibility", span=span, hint=hint)


def read_packages(specifications: tuple[str, ...], span: Span) -> tuple[str, ...]:
    """The packages of a package_group, checked: '//a', '//a/...', 'public', 'private', and '-' before these."""
    for text in specifications:
        name = text.removeprefix("-")
        below = name.removesuffix("/...") if name != "//..." else "//"
        if name in ("public", "private") or (below.startswith("//") and ":" not in below and _is_package(below[2:])):
            continue
        hint = "use '//package', '//package/...', '//...', 'public' or 'private', with '-' before what is left out"
        raise BuildError(f"{text!r} is not a package specification", span=span, hint=hint)
    return specifications


def _is_package(name: str) -> bool:
    try:
        return not name or Label.parse(f"//{name}:x").package == name
    except BuildError:
        return False


class Visibility:
    """Decides, and reads each package group once."""

    def __init__(self, find: Callable[[Label], Target]) -> None:
        self._find = find
        self._groups: dict[Label, Target | BuildError] = {}
        self._checked: dict[Label, tuple[BuildError, ...]] = {}

    def visible(self, target: Target, package: str) -> bool:
        """Whether targets of a package may depend on it. A group that is none grants nothing; `faults` tells."""
        if target.visible_from(package):
            return True
        return any(self._holds(label, package, set()) for label in target.groups)

    def faults(self, target: Target) -> Iterator[BuildError]:
        """What is wrong with the groups that its visibility names."""
        for label in target.groups:
            span = target.spans.get("visibility", target.span)
            if label not in self._checked:
                self._checked[label] = tuple(self._walk(label, ()))
            for fault in self._checked[label]:
                yield BuildError(fault.message, span=fault.span or span, hint=fault.hint, notes=fault.notes)

    def _walk(self, label: Label, path: tuple[Label, ...]) -> Iterator[BuildError]:
        group = self._group(label)
        if isinstance(group, BuildError):
            yield group
            return
        if label in path:
            circle = [*path[path.index(label) :], label]
            notes = [str(circle[0]), *(f"  includes {name}" for name in circle[1:])]
            message = f"package_group cycle: '{label}' includes itself"
            yield BuildError(message, span=group.spans.get("includes", group.span), notes=notes)
            return
        for included in group.attributes["includes"]:
            for fault in self._walk(included, (*path, label)):
                span = group.spans.get("includes", group.span)
                yield BuildError(fault.message, span=fault.span or span, hint=fault.hint, notes=fault.notes)

    def _group(self, label: Label) -> Target | BuildError:
        if label not in self._groups:
            try:
                found = self._find(label)
                none = BuildError(f"'{label}' is not a package_group: it is {found.a_kind}", hint=_HINT)
                self._groups[label] = found if found.kind == "package group" else none
            except BuildError as error:
                self._groups[label] = BuildError(error.message, hint=error.hint)
            except BuildErrors as errors:
                self._groups[label] = errors.errors[0]
        return self._groups[label]

    def _holds(self, label: Label, package: str, seen: set[Label]) -> bool:
        group = self._group(label)
        if isinstance(group, BuildError) or label in seen:
            return False
        seen.add(label)
        listed = group.attributes["packages"]
        if any(_matches(text[1:], package) for text in listed if text.startswith("-")):
            held = False
        else:
            held = any(_matches(text, package) for text in listed if not text.startswith("-"))
        return held or any(self._holds(included, package, seen) for included in group.attributes["includes"])


def _matches(specification: str, package: str) -> bool:
    if specification in ("public", "private"):
        return specification == "public"
    name = specification.removeprefix("//")
    if name == "...":
        return True
    if name.endswith("/..."):
        below = name.removesuffix("/...")
        return package == below or package.startswith(below + "/")
    return package == name
