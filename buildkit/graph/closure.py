"""Everything that some targets need: dependencies are followed, and what is missing, hidden or circular is told.

In: labels, and a function that gives the target of a label. Out: targets, dependencies first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.package import Target
from buildkit.graph.visibility import Visibility
from buildkit.label import Label

FindTarget = Callable[[Label], Target]


Origin = Callable[[Target, str], str]  # the package that a target's attribute was written in


def closure(
    requested: Iterable[Label],
    find: FindTarget,
    *,
    origin: Origin = lambda target, attribute: target.label.package,
    warn: Callable[[str], None] = lambda message: None,
    faults: list[BuildError] | None = None,
) -> dict[Label, Target]:
    """The targets and all that they need. Raises BuildErrors with every fault found, each once.

    `warn` hears of deprecated targets that others depend on. With `faults`, these are added to it, and what has one, or
    needs what has one, is left out.
    """
    walk = _Walk(find, origin, warn)
    for label in sorted(requested):
        walk.visit(find(label))
    if not walk.faults:
        return walk.done
    if faults is None:
        raise BuildErrors(walk.faults.values())
    faults += walk.faults.values()
    return walk.sound()


class _Walk:
    """Depth first, on a stack of its own: the graph may be deeper than Python's calls."""

    def __init__(self, find: FindTarget, origin: Origin, warn: Callable[[str], None]) -> None:
        self.find = find
        self.origin = origin
        self.warn = warn
        self.visibility = Visibility(find)
        self.done: dict[Label, Target] = {}
        self.faults: dict[tuple[object, ...], BuildError] = {}
        self.faulty: set[Label] = set()
        self.path: dict[Label, Target] = {}

    def sound(self) -> dict[Label, Target]:
        """The targets that have no fault, and need none that has."""
        found: dict[Label, Target] = {}
        for label, target in self.done.items():
            if label not in self.faulty and all(needed in found for needed, _ in target.dependencies):
                found[label] = target
        return found

    def visit(self, start: Target) -> None:
        """Add a target, after all that it needs."""
        stack: list[tuple[Target, bool]] = [(start, False)]
        while stack:
            target, left = stack.pop()
            if left:
                del self.path[target.label]
                self.done[target.label] = target
            elif target.label not in self.done:
                self.path[target.label] = target
                for fault in self.visibility.faults(target):
                    self._note(fault, target, target.spans.get("visibility", target.span))
                stack.append((target, True))
                stack += [(needed, False) for needed in reversed(self._needed(target))]

    def _needed(self, target: Target) -> list[Target]:
        """The dependencies of a target that are yet to be visited; faults of all of them are noted."""
        found: list[Target] = []
        for label, attribute in target.dependencies:
            span = target.spans.get(attribute, target.span)
            if label in self.path:
                self._fault(_cycle(self.path, label), target)
                continue
            needed = self.done.get(label) or self._found(label, target, span)
            if needed:
                self._judge(target, needed, attribute, span)
            if needed and label not in self.done:
                found.append(needed)
        return found

    def _judge(self, target: Target, needed: Target, attribute: str, span: Span) -> None:
        """Note what forbids a dependency, and what speaks against it."""
        package = self.origin(target, attribute)
        if not needed.visible_from(package) and not self.visibility.visible(needed, package):
            self._fault(_hidden(target, needed, span, package), target)
        if needed.testonly and target.rule not in ("", "alias") and not target.testonly:
            self._fault(_for_tests(target, needed, span), target)
        if needed.deprecation and not target.deprecation and needed.label.package != target.label.package:
            said = needed.deprecation
            self.warn(f"target '{needed.label}' is deprecated: {said} (needed by '{target.label}', {span})")

    def _found(self, label: Label, target: Target, span: Span) -> Target | None:
        try:
            return self.find(label)
        except BuildErrors as errors:
            for error in errors.errors:
                self._note(error, target, span)
        except BuildError as error:
            self._note(error, target, span)
        return None

    def _note(self, error: BuildError, target: Target, span: Span) -> None:
        """Note a fault of a dependency at its own place, or else where it is named; one place is shown once."""
        key = (error.span or span, error.message, error.notes)
        notes = (*error.notes, f"needed by {target.label} ({target.span})")
        fault = type(error)(error.message, span=error.span or span, hint=error.hint, notes=notes, details=error.details)
        self.faulty.add(target.label)
        self.faults.setdefault(key, fault)

    def _fault(self, fault: BuildError, target: Target) -> None:
        self.faulty.add(target.label)
        self.faults.setdefault((fault.span, fault.message, fault.notes), fault)


def _for_tests(target: Target, needed: Target, span: Span) -> BuildError:
    message = f"'{target.label}' is not testonly, and depends on '{needed.label}', which is for tests only"
    return BuildError(message, span=span, hint="say testonly = True if it is for tests only, too")


def _hidden(target: Target, needed: Target, span: Span, package: str) -> BuildError:
    hint = f"add '//{package}:__pkg__' to its visibility"
    if needed.is_source:
        hint = f"export it with exports_files in package '//{needed.label.package}'"
    return BuildError(f"'{needed.label}' is not visible to '{target.label}'", span=span, hint=hint)


def _cycle(path: dict[Label, Target], label: Label) -> BuildError:
    members = [*path]
    circle = [*members[members.index(label) :], label]
    span = path[circle[-2]].span
    notes = [str(circle[0]), *(f"  needs {name}" for name in circle[1:])]
    return BuildError(f"dependency cycle: '{label}' needs itself", span=span, notes=notes)
