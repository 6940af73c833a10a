"""The graph that a query is asked of: targets and the edges between them, loaded as they are met.

In: a loader, and which edges count. Out: what patterns name, targets, and what each needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.kinds import TEST_SUITE
from buildkit.graph.loader import Loader
from buildkit.graph.package import Package, Target
from buildkit.graph.query.expression import Word
from buildkit.graph.selection import attribute_labels
from buildkit.graph.visibility import Visibility
from buildkit.label import Label, TargetPattern
from buildkit.records import dataclass

Labels = dict[Label, None]  # a set that keeps its order


@dataclass(frozen=True, slots=True)
class Edges:
    """Which dependencies count: those that no BUILD file wrote, those on tools, those on package groups."""

    implicit: bool = True
    tools: bool = True
    visibility: bool = True


class Loaded:
    """The targets of a workspace, as far as they were asked for. With `keep_going`, what is broken is left out and
    its fault noted in `faults`.
    """

    def __init__(
        self,
        loader: Loader,
        *,
        package: str = "",
        edges: Edges | None = None,
        universe: Sequence[str] = (),
        keep_going: bool = False,
    ) -> None:
        self.loader = loader
        self.standing = package
        self.edges = edges or Edges()
        self.universe_patterns = tuple(universe)
        self.faults: dict[str, BuildError] = {}
        self.keep_going = keep_going
        self._visibility = Visibility(loader.target)
        self._needs: dict[Label, tuple[Label, ...]] = {}
        self._targets: dict[Label, Target | None] = {}

    # What words name

    def named(self, word: Word) -> Labels:
        """The targets that a pattern names. Raises BuildError, at the word where it has no other place."""
        try:
            return dict.fromkeys(self._named(word.text))
        except BuildErrors as errors:
            self._fault([_placed(error, word) for error in errors.errors])
        except BuildError as error:
            self._fault([_placed(error, word)])
        return {}

    def _named(self, text: str) -> Iterator[Label]:
        head, colon, tail = text.rpartition(":")
        everything = colon and tail in ("*", "all-targets")
        rules_only = colon and tail == "all"
        if head.endswith("...") and (everything or rules_only):
            pattern = TargetPattern.parse(head, self.standing)
        elif everything:
            pattern = TargetPattern.parse(f"{head}:all", self.standing)
        else:
            pattern = TargetPattern.parse(self._absolute(text), self.standing)
        if pattern.name is not None:
            yield self.loader.target(Label("", pattern.package, pattern.name)).label
            return
        for package in self._packages(pattern):
            yield from self.members(package) if everything else (Label("", package.name, one) for one in package.names)

    def _packages(self, pattern: TargetPattern) -> Iterator[Package]:
        """The packages of a pattern; with `keep_going` those that can be read."""
        files = self.loader.files
        names = list(files.packages_below(pattern.package)) if pattern.below else [pattern.package]
        if not names:
            self.loader.expand([pattern])  # tells what is wrong
        self.loader.prefetch(names)
        faults: list[BuildError] = []
        for name in names:
            try:
                yield self.loader.package(name)
            except BuildErrors as errors:
                faults += errors.errors
        if faults:
            self._fault(faults)

    def _absolute(self, text: str) -> str:
        """A path such as `a/b` is meant from where the user stands: the package, or else a file of one around it."""
        if ":" in text or text.startswith(("//", "@", "-")) or text == "..." or text.endswith("/..."):
            return text
        path = f"{self.standing}/{text}" if self.standing else text
        parts = path.split("/")
        for depth in range(len(parts), -1, -1):
            folder = "/".join(parts[:depth])
            if self.loader.files.build_file(folder):
                return f"//{folder}:{'/'.join(parts[depth:]) or parts[-1]}"
        return text

    def universe(self) -> Labels:
        """What `--universe-scope` says, else everything in the workspace."""
        nowhere = Span("", 0, 0, 0, 0)
        words = [Word(text, nowhere) for text in self.universe_patterns or ("//...",)]
        found: Labels = {}
        for word in words:
            found |= self.named(word)
        return found

    # Targets and edges

    def target(self, label: Label) -> Target | None:
        """A target; None for one that is broken, with `keep_going`."""
        return self._find(label, None, "")

    def _find(self, label: Label, asking: Target | None, attribute: str) -> Target | None:
        """The same, where an attribute of a target names it: a fault without a place of its own is told there."""
        if label not in self._targets:
            self._targets[label] = None
            try:
                self._targets[label] = self.loader.target(label)
            except BuildErrors as errors:
                self._fault(errors.errors)
            except BuildError as error:
                self._fault([_needed_by(error, asking, attribute) if asking else error])
        return self._targets[label]

    def needs(self, label: Label) -> tuple[Label, ...]:
        """What a target depends on, in the order of its attributes."""
        found = self._needs.get(label)
        if found is None:
            found = self._needs[label] = self._find_needs(label)
        return found

    def _find_needs(self, label: Label) -> tuple[Label, ...]:
        target = self.target(label)
        if target is None:
            return ()
        needed = dict.fromkeys(one for one, attribute in target.dependencies if self._counts(target, attribute, one))
        if target.generator:
            needed[target.generator] = None
        if self.edges.visibility:
            needed |= dict.fromkeys(one for one in target.groups if self._find(one, target, "visibility"))
        return tuple(needed)

    def _counts(self, target: Target, attribute: str, label: Label) -> bool:
        found_tests = target.rule == TEST_SUITE.name and attribute == "tests"  # count as written, as Bazel has it
        written = attribute in target.spans or found_tests
        if not self.edges.implicit and not written:
            return False
        if not self.edges.tools and self._is_tool(target, attribute):
            return False
        return self._find(label, target, attribute) is not None

    def _is_tool(self, target: Target, attribute: str) -> bool:
        rule = self.loader.rules.get(target.label)
        schema = rule.schema.get(attribute) if rule else None
        return schema is not None and schema.tool

    def package(self, label: Label) -> Package | None:
        """The package of a target; None for the standard rules' files and, with `keep_going`, for a broken one."""
        if label.repository:
            return None
        try:
            return self.loader.package(label.package)
        except BuildErrors as errors:
            self._fault(errors.errors)
            return None

    def members(self, package: Package) -> list[Label]:
        """All that belongs to a package: rules, files they make, files they name, and the BUILD file; sorted."""
        named = {target.label for target in package.targets.values()}
        for target in package.targets.values():
            named |= {label for label, _ in target.dependencies if _inside(label, package.name)}
        named.add(Label("", package.name, package.path.rpartition("/")[2]))
        return sorted(label for label in named if self.loader_has(label))

    def loader_has(self, label: Label) -> bool:
        """Whether a label of a package names anything."""
        try:
            return self.loader.target(label) is not None
        except (BuildError, BuildErrors):
            return False

    def packages(self, labels: Iterable[Label]) -> dict[str, Package]:
        """The packages of targets, by name."""
        found: dict[str, Package] = {}
        for label in labels:
            if label.package not in found and (package := self.package(label)):
                found[label.package] = package
        return found

    def named_in(self, target: Target, attribute: str) -> list[Label]:
        """The targets that an attribute names, in all branches; conditions are not among them, files it makes are."""
        if attribute == "visibility":
            return list(target.groups)
        if not target.rule:
            return []
        rule = self.loader.rules.get(target.label)
        schema = rule.schema.get(attribute) if rule else None
        if schema is None or attribute not in target.attributes:
            return [label for label, name in target.dependencies if name == attribute]
        value = target.attributes[attribute]
        if schema.kind in ("output", "output_list"):
            names = [value] if isinstance(value, str) else list(value or ())
            return [Label("", target.label.package, name) for name in names if name]
        return list(attribute_labels(schema.kind, value) or ())

    def is_test(self, target: Target) -> bool:
        """Whether it is a test."""
        rule = self.loader.rules.get(target.label)
        return rule is not None and rule.test

    def is_executable(self, target: Target) -> bool:
        """Whether it can be run."""
        rule = self.loader.rules.get(target.label)
        return rule is not None and (rule.test or rule.executable)

    def visible(self, target: Target, package: str) -> bool:
        """Whether targets of a package may depend on it."""
        return self._visibility.visible(target, package)

    def _fault(self, errors: Sequence[BuildError]) -> None:
        if not self.keep_going:
            if len(errors) == 1:
                raise errors[0]
            raise BuildErrors(errors)
        for error in errors:
            self.faults.setdefault(str(error), error)


def _inside(label: Label, package: str) -> bool:
    return not label.repository and label.package == package


def _needed_by(error: BuildError, target: Target, attribute: str) -> BuildError:
    span = error.span or target.spans.get(attribute, target.span)
    notes = (*error.notes, f"needed by {target.label} ({target.span})")
    return BuildError(error.message, span=span, hint=error.hint, notes=notes)


def _placed(error: BuildError, word: Word) -> BuildError:
    if error.span or not word.span.line:
        return error
    return type(error)(error.message, span=word.span, hint=error.hint, notes=error.notes, details=error.details)
