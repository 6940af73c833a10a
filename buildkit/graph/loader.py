"""Loading: BUILD, .bzl and lock text become packages of targets, and those that are asked for a graph.

In: a workspace and target patterns. Out: `TargetGraph`, or all faults of the phase together.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from buildkit import __version__
from buildkit.digest import Key
from buildkit.errors import BuildError, BuildErrors, Span, did_you_mean
from buildkit.graph.attribute import AttrModule, LockFile
from buildkit.graph.declare import BUILD_FUNCTIONS
from buildkit.graph.encoding import JsonModule
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.lockfile import parse_lock
from buildkit.graph.package import PUBLIC, Package, Target, TargetGraph
from buildkit.graph.provider import KNOWN, PROVIDER
from buildkit.graph.rule import RULE, Rule
from buildkit.graph.scope import PackageScope
from buildkit.graph.values import LABEL
from buildkit.graph.workspace import STANDARD_REPOSITORY, Workspace
from buildkit.label import Label, TargetPattern
from buildkit.lang import File, Value, evaluate, parse

PRELUDE = Label(STANDARD_REPOSITORY, "rules", "prelude.bzl")
_BZL_NAMES: dict[str, Value] = {
    "rule": RULE,
    "provider": PROVIDER,
    "attr": AttrModule(),
    "json": JsonModule(),
    "Label": LABEL,
    "VERSION": __version__,
    **KNOWN,
}

Printer = Callable[[Span, str], None]


class ParsedCache(Protocol):
    """Keeps parsed files between invocations; local and private, since what it gives is unpickled."""

    def get(self, key: Key) -> bytes | None:
        """What was put under a key, or None."""

    def put(self, key: Key, data: bytes) -> None:
        """Keep data under a key."""


class Loader:
    """Loads packages and modules, each once."""

    def __init__(
        self, workspace: Workspace, parsed: ParsedCache, printer: Printer, *, broken_locks: bool = False
    ) -> None:
        """`broken_locks` takes a lock that cannot be read for a missing one: it is about to be written anew."""
        self.workspace = workspace
        self._broken_locks = broken_locks
        self.files = WorkspaceFiles(workspace)
        self.rules: dict[str, Rule] = {}
        self._parsed = parsed
        self._printer = printer
        self._modules: dict[Label, Mapping[str, Value] | None] = {}
        self._packages: dict[str, Package | BuildError | BuildErrors] = {}

    def graph(self, patterns: Sequence[TargetPattern]) -> TargetGraph:
        """Load what the patterns name and all that it needs. Raises BuildErrors with every fault found."""
        requested = self.expand(patterns)
        targets = _closure(self, requested)
        packages = {label.package for label in targets if not label.repository}
        return TargetGraph(targets, tuple(sorted(requested)), len(packages), self.rules)

    def expand(self, patterns: Sequence[TargetPattern]) -> list[Label]:
        """The targets that patterns name, in order; a pattern with '-' takes away what came before it."""
        found: dict[Label, None] = {}
        faults: list[BuildError] = []
        for index, pattern in enumerate(patterns):
            if pattern.negative:
                found = {label: None for label in found if not pattern.matches(label)}
                continue
            try:
                left_out = [later for later in patterns[index + 1 :] if later.negative]
                found |= dict.fromkeys(self._named_by(pattern, left_out))
            except BuildErrors as errors:
                faults += errors.errors
            except BuildError as error:
                faults.append(error)
        if faults:
            raise BuildErrors(_each_once(faults))
        return list(found)

    def _named_by(self, pattern: TargetPattern, left_out: Sequence[TargetPattern]) -> list[Label]:
        if pattern.name is not None:
            label = Label("", pattern.package, pattern.name)
            self.target(label)
            return [label]
        names = list(self.files.packages_below(pattern.package)) if pattern.below else [pattern.package]
        if not names:
            raise BuildError(
                f"no package at or below '//{pattern.package}'", hint="packages are folders with a BUILD file"
            )
        # A package that is left out whole need not even be readable.
        names = [name for name in names if not any(pattern.covers(name) for pattern in left_out)]
        faults: list[BuildError] = []
        labels: list[Label] = []
        for name in names:
            try:
                targets = self.package(name).targets.values()
            except BuildErrors as errors:
                faults += errors.errors
                continue
            labels += sorted(target.label for target in targets if not target.is_source)
        if faults:
            raise BuildErrors(faults)
        return labels

    def target(self, label: Label) -> Target:
        """One target or source file. Raises BuildError, without a place, where there is none."""
        if label.repository:
            if label.repository == STANDARD_REPOSITORY and self.files.is_file(label.repository, label.path):
                return _source(label, (PUBLIC,))
            raise BuildError(f"no file '{label}' in the standard rules")
        package = self.package(label.package)
        if found := package.targets.get(label.name):
            return found
        if self.files.is_file("", label.path):
            return _source(label, ())
        message = f"no target '{label.name}' in package '//{label.package}' ({package.path})"
        if "." in label.name or "/" in label.name:
            message += f", and no file '{label.path}'"
        known = [*package.targets, *self.files.files_of(label.package)]
        raise BuildError(message, hint=did_you_mean(label.name, known))

    def package(self, name: str) -> Package:
        """One package. Raises BuildErrors with every fault of its BUILD file, each time that it is asked for."""
        if name not in self._packages:
            try:
                self._packages[name] = self._load_package(name)
            except BuildErrors as errors:
                self._packages[name] = errors
            except BuildError as error:
                self._packages[name] = BuildErrors([error])
        found = self._packages[name]
        if isinstance(found, Package):
            return found
        raise found

    def _load_package(self, name: str) -> Package:
        path = self.files.build_file(name)
        if path is None:
            expected = " or ".join(
                f"'{name + '/' if name else ''}{file}'" for file in self.workspace.config.build_files
            )
            raise BuildError(f"no package '//{name}': there is no {expected}")
        scope = PackageScope(name, self.files, self.read_lock)
        label = Label("", name, path.rpartition("/")[2])
        try:
            self._run(label, build_file=True, context=scope)
        except BuildError as error:
            scope.faults.append(error)
        except BuildErrors as errors:
            scope.faults += errors.errors
        if scope.faults:
            raise BuildErrors(scope.faults)
        self.rules |= scope.rules
        return Package(name, path, scope.targets)

    def _run(self, label: Label, *, build_file: bool, context: object) -> Mapping[str, Value]:
        path = f"@{label.repository}//{label.path}" if label.repository else label.path
        text = self.files.read(label.repository, label.path)
        if text is None:
            raise BuildError(f"cannot load '{label}': the file '{label.path}' does not exist")
        predeclared = {**BUILD_FUNCTIONS, **self._prelude()} if build_file else _BZL_NAMES

        def load(name: str, span: Span) -> Mapping[str, Value]:
            return self._load(name, span, label)

        file = self._parse(text, path, build_file)
        return evaluate(file, predeclared=predeclared, load=load, context=context, printer=self._printer)

    def _parse(self, text: str, path: str, build_file: bool) -> File:
        key = Key.of("mbuild parsed 1", __version__, path, build_file, text)
        if kept := self._parsed.get(key):
            file = pickle.loads(kept)
            if isinstance(file, File):
                return file
        file = parse(text, path, build_file=build_file)
        self._parsed.put(key, pickle.dumps(file, protocol=pickle.HIGHEST_PROTOCOL))
        return file

    def _prelude(self) -> Mapping[str, Value]:
        return {name: value for name, value in self.module(PRELUDE).items() if not name.startswith("_")}

    def _load(self, text: str, span: Span, origin: Label) -> Mapping[str, Value]:
        try:
            label = Label.parse(text, origin.package, origin.repository)
            if not label.name.endswith(".bzl"):
                raise BuildError(f"cannot load '{text}': only .bzl files can be loaded")
            return self.module(label)
        except BuildError as error:
            if error.span:
                raise
            raise BuildError(error.message, span=span, hint=error.hint, notes=error.notes) from None

    def module(self, label: Label) -> Mapping[str, Value]:
        """The frozen global values of a .bzl file."""
        if label not in self._modules:
            self._modules[label] = None
            try:
                self._modules[label] = self._run(label, build_file=False, context=None)
            finally:
                if self._modules[label] is None:
                    del self._modules[label]
        found = self._modules[label]
        if found is None:
            raise BuildError(f"cannot load '{label}': it is being loaded already, files load each other in a circle")
        return found

    def read_lock(self, path: str, span: Span) -> LockFile:
        """A lock of the workspace, parsed; one that does not exist yet is a value too."""
        text = self.files.read("", path)
        try:
            return LockFile(path, parse_lock(text, path) if text is not None else None, span)
        except (BuildError, BuildErrors):
            if self._broken_locks:
                return LockFile(path, None, span)
            raise


def _source(label: Label, visibility: tuple[str, ...]) -> Target:
    return Target(label, "", {}, Span(label.path, 1, 1, 1, 1), {}, (), visibility)


def _closure(loader: Loader, requested: Iterable[Label]) -> dict[Label, Target]:
    """Everything that is needed, dependencies first; raises BuildErrors with all missing, hidden and circular ones."""
    done: dict[Label, Target] = {}
    faults: list[BuildError] = []
    for label in sorted(requested):
        _visit(loader, loader.target(label), done, faults)
    if faults:
        raise BuildErrors(_each_once(faults))
    return done


def _visit(loader: Loader, start: Target, done: dict[Label, Target], faults: list[BuildError]) -> None:
    path: dict[Label, Target] = {}
    stack: list[tuple[Target, bool]] = [(start, False)]
    while stack:
        target, left = stack.pop()
        if left:
            del path[target.label]
            done[target.label] = target
            continue
        if target.label in done:
            continue
        path[target.label] = target
        stack.append((target, True))
        for label, attribute in reversed(target.dependencies):
            if label in path:
                found = [_cycle(path, label)]
            elif label in done:
                found = _hidden(target, done[label], attribute)
            else:
                found = _follow(loader, target, label, attribute, stack)
            faults += found


def _follow(
    loader: Loader, target: Target, label: Label, attribute: str, stack: list[tuple[Target, bool]]
) -> list[BuildError]:
    span = target.spans.get(attribute, target.span)
    note = f"needed by {target.label} ({target.span})"
    try:
        needed = loader.target(label)
    except (BuildError, BuildErrors) as raised:
        return [
            BuildError(
                error.message,
                span=error.span or span,
                hint=error.hint,
                notes=(*error.notes, note),
                details=error.details,
            )
            for error in (raised.errors if isinstance(raised, BuildErrors) else (raised,))
        ]
    stack.append((needed, False))
    return _hidden(target, needed, attribute)


def _each_once(faults: Iterable[BuildError]) -> Iterable[BuildError]:
    """Faults without those that were told already: a broken package is met by everything that needs it."""
    first: dict[tuple[str, Span | None], BuildError] = {}
    for fault in faults:
        first.setdefault((fault.message, fault.span), fault)
    return first.values()


def _hidden(target: Target, needed: Target, attribute: str) -> list[BuildError]:
    if needed.visible_from(target.label.package):
        return []
    return [
        BuildError(
            f"'{needed.label}' is not visible to '{target.label}'",
            span=target.spans.get(attribute, target.span),
            hint=f"add '//{target.label.package}:__pkg__' to its visibility"
            if not needed.is_source
            else f"export it with exports_files in package '//{needed.label.package}'",
        )
    ]


def _cycle(path: dict[Label, Target], label: Label) -> BuildError:
    members = list(path)
    circle = members[members.index(label) :]
    arrows = [str(member) for member in (*circle, label)]
    return BuildError(
        f"dependency cycle: '{label}' needs itself",
        span=path[circle[-1]].span,
        notes=[arrows[0], *(f"  needs {name}" for name in arrows[1:])],
    )
