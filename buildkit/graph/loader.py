"""Loading: BUILD, .bzl and lock text become packages of targets, and those that are asked for a graph.

In: a workspace and target patterns. Out: `TargetGraph`, or all faults of the phase together.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from buildkit.errors import BuildError, BuildErrors, Span, did_you_mean, nearest
from buildkit.graph.closure import closure
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.conversion import LockFile
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.forked import can_fork, forked
from buildkit.graph.kept_packages import KeptPackages
from buildkit.graph.lockfile import parse_lock
from buildkit.graph.modules import Module, Modules, NothingKept, ParsedCache, Printer, check_repository
from buildkit.graph.package import PUBLIC, Package, Target, TargetGraph
from buildkit.graph.rules_of_targets import RulesOfTargets
from buildkit.graph.scope import PackageScope
from buildkit.graph.suite import with_tests
from buildkit.graph.values import written_in
from buildkit.graph.workspace import STANDARD_PLATFORMS, Workspace
from buildkit.label import Label, TargetPattern

_MANY = 100  # packages: for fewer, a process costs more than it saves


class Loader:
    """Loads packages, each once. `rules` are those of the targets loaded so far."""

    def __init__(
        self,
        workspace: Workspace,
        parsed: ParsedCache,
        printer: Printer,
        *,
        broken_locks: bool = False,
        jobs: int = 1,
    ) -> None:
        """`broken_locks` takes a lock that cannot be read for a missing one: it is about to be written anew. `jobs` is
        the number of processes that many packages may be loaded in.
        """
        self.workspace = workspace
        self._jobs = jobs
        self._kept = None if broken_locks else KeptPackages(workspace, parsed)
        self.files = WorkspaceFiles(workspace, self._kept.folders if self._kept else None)
        self._printer = printer
        self._printed = False
        self._modules = Modules(self.files, parsed, self._print, workspace.config.limits)
        self._broken_locks = broken_locks
        self._packages: dict[str, Package | BuildErrors] = {}
        self._standard: Package | None = None
        self.rules = RulesOfTargets(self._packages, self._modules)

    def module(self, label: Label) -> Module:
        """The frozen global values of a .bzl file."""
        return self._modules.module(label)

    def graph(
        self,
        patterns: Sequence[TargetPattern],
        configuration: Configuration = DEFAULT,
        *,
        manual: bool = True,
        keep_going: bool = False,
    ) -> TargetGraph:
        """Load what the patterns name, what the configuration does, and all that these need.

        Raises BuildErrors with every fault found; with `keep_going` only where nothing is left without one. Without
        `manual`, patterns such as //... leave out what has that tag.
        """
        faults: list[BuildError] = []
        requested = self.expand(patterns, manual=manual, faults=faults if keep_going else None)
        warnings: dict[str, None] = {}

        def warn(message: str) -> None:
            warnings[message] = None

        platform = self._platform(configuration)
        targets = closure(
            [*requested, *platform],
            self.target,
            origin=self._origin,
            warn=warn,
            faults=faults if keep_going else None,
        )
        sound = [label for label in requested if label in targets]
        if not sound or any(label not in targets for label in platform):
            _raise(faults)
        packages = {label.package for label in targets if not label.repository}
        named = frozenset(
            Label("", one.package, one.name) for one in patterns if one.name is not None and not one.negative
        )
        return TargetGraph(
            targets,
            tuple(sorted(sound)),
            len(packages),
            self.workspace.config.name,
            named,
            tuple(warnings),
            tuple(_once(faults)),
        )

    def _platform(self, configuration: Configuration) -> list[Label]:
        found: list[Label] = []
        for flag, label in (("platform", configuration.platform), ("host-platform", configuration.host)):
            try:
                found += [self.target(label).label] if label else []
            except (BuildError, BuildErrors) as error:
                faults = error.errors if isinstance(error, BuildErrors) else (error,)
                raise BuildErrors(fault.noted(f"asked for by --{flag}") for fault in faults) from None
        return found

    def _origin(self, target: Target, attribute: str) -> str:
        """Where an attribute was written: those that are the rule's own, in the rule's file."""
        if attribute.startswith("_") and (rule := self.rules.get(target.label)):
            return written_in(rule.span.path)[1]
        return target.label.package

    def expand(
        self, patterns: Sequence[TargetPattern], *, manual: bool = True, faults: list[BuildError] | None = None
    ) -> list[Label]:
        """The targets that patterns name, in order; a pattern with '-' takes away what came before it.

        Raises BuildErrors with every fault found; with `faults`, these are added to it instead.
        """
        found: dict[Label, None] = {}
        met: list[BuildError] = []
        for index, pattern in enumerate(patterns):
            if pattern.negative:
                found = {label: None for label in found if not pattern.matches(label)}
                continue
            left_out = [later for later in patterns[index + 1 :] if later.negative]
            try:
                found |= dict.fromkeys(self._named_by(pattern, left_out, manual, met))
            except BuildErrors as errors:
                met += errors.errors
            except BuildError as error:
                met.append(error)
        if faults is None:
            _raise(met)
        else:
            faults += met
        return list(found)

    def _named_by(
        self, pattern: TargetPattern, left_out: Sequence[TargetPattern], manual: bool, faults: list[BuildError]
    ) -> list[Label]:
        """The targets of a pattern; the faults of its packages are added to `faults`."""
        if pattern.name is not None:
            return [self.target(Label("", pattern.package, pattern.name)).label]
        names = list(self.files.packages_below(pattern.package)) if pattern.below else [pattern.package]
        if not names:
            hint = self._nearest_package(pattern.package) or "packages are folders with a BUILD file"
            raise BuildError(f"no package at or below '//{pattern.package}'", hint=hint)
        # A package that is left out whole need not even be readable.
        names = [name for name in names if not any(pattern.covers(name) for pattern in left_out)]
        self.prefetch(names)
        labels: list[Label] = []
        for name in names:
            try:
                names_of_targets = self.package(name).names
            except BuildErrors as errors:
                faults += errors.errors
                continue
            found = self.package(name).targets if not manual else {}
            labels += [
                Label("", name, target) for target in names_of_targets if manual or "manual" not in found[target].tags
            ]
        return labels

    def target(self, label: Label) -> Target:
        """One target or source file. Raises BuildError, without a place, where there is none."""
        check_repository(label)
        if label.repository and label.package == STANDARD_PLATFORMS:
            return self._standard_target(label)
        if label.repository:
            if self.files.is_file(label.repository, label.path):
                return _source(label, PUBLIC)
            raise BuildError(f"no file '{label.name}' in the standard rules")
        package = self.package(label.package)
        if found := package.targets.get(label.name):
            return found
        if inner := self.files.package_around(label.package, label.name):
            own = Label("", inner, label.path.removeprefix(inner + "/"))
            raise BuildError(f"'{label}' reaches into the package '//{inner}'", hint=f"name it as '{own}'")
        if self.files.is_file("", label.path):
            return _source(label)
        raise self._missing(label, package)

    def _standard_target(self, label: Label) -> Target:
        if self._standard is None:
            scope = PackageScope(label.package, self.files, self._read_lock, label.repository)
            self._modules.run_build_file(Label(label.repository, label.package, "BUILD"), scope)
            _raise(scope.faults)
            self.rules.add(scope)
            self._standard = Package(label.package, f"@{label.repository}//{label.package}/BUILD", scope.targets)
        if found := self._standard.targets.get(label.name):
            return found
        hint = did_you_mean(label.name, self._standard.targets)
        raise BuildError(f"no target '{label.name}' in package '@{label.repository}//{label.package}'", hint=hint)

    def _missing(self, label: Label, package: Package) -> BuildError:
        message = f"no target '{label.name}' in package '//{label.package}' ({package.path})"
        if self.files.listing(label.path):
            return BuildError(message, hint=f'it is a folder: name its files with glob(["{label.name}/**"])')
        if "." in label.name or "/" in label.name:
            message += f", and no file '{label.path}'"
        known = [*package.targets, *self.files.files_of(label.package)]
        if label.name in known:
            return BuildError(f"'{label.path}' is neither a file nor a folder", hint="a symlink must lead to a file")
        return BuildError(message, hint=did_you_mean(label.name, known))

    def package(self, name: str) -> Package:
        """One package. Raises BuildErrors with every fault of its BUILD file, each time that it is asked for."""
        if name not in self._packages:
            try:
                self._packages[name] = self._recalled(name) or self._load_package(name)
            except BuildErrors as errors:
                self._packages[name] = errors
        found = self._packages[name]
        if isinstance(found, BuildErrors):
            raise found
        return found

    def prefetch(self, names: Sequence[str]) -> None:
        """Load packages, several at once where they are many. Faults are told when a package is asked for."""
        missing = [name for name in names if name not in self._packages and not self._take(self._recalled(name))]
        if self._kept is None or len(missing) < _MANY:
            return
        with _unswept():
            self._try(missing[:1])  # what all packages need is then there before the processes part
            mine, *others = [missing[share :: self._jobs] for share in range(self._jobs if can_fork() else 1)]
            pending = [forked(partial(self._load_apart, names, self._kept)) for names in others]
            self._try(mine)
            for result in pending:
                for package in self._kept.received(result(), self.files):
                    self._take(package)

    def _load_apart(self, names: Sequence[str], kept: KeptPackages) -> bytes:
        """Load packages in another process. Those with faults, or that print, are left to the first one."""
        self._printer = lambda span, text: None
        self._modules.parsed = NothingKept()
        good = []
        for name in names:
            self._printed = False
            if self._try([name]) and not self._printed:
                good.append(name)
        return kept.sent(good)

    def _try(self, names: Sequence[str]) -> bool:
        good = True
        for name in names:
            try:
                self.package(name)
            except BuildErrors:
                good = False
        return good

    def _take(self, package: Package | None) -> bool:
        if package:
            self._packages[package.name] = package
        return package is not None

    def keep(self) -> None:
        """Keep the packages for the next invocation. Where something was printed it will be printed again: none are."""
        if self._kept and not self._printed:
            self._kept.keep(self.files)

    def _recalled(self, name: str) -> Package | None:
        return self._kept.recall(name, self.files) if self._kept else None

    def _print(self, span: Span, text: str) -> None:
        self._printed = True
        self._printer(span, text)

    def _load_package(self, name: str) -> Package:
        with self.files.noting() as facts:
            package, scope = self._run(name)
        homes = {target: self._modules.home(rule) for target, rule in scope.rules.items()}
        if self._kept and None not in homes.values():
            self._kept.add(package, facts, {target: home for target, home in homes.items() if home})
        return package

    def _run(self, name: str) -> tuple[Package, PackageScope]:
        path = self.files.build_file(name)
        if path is None:
            folder = f"{name}/" if name else ""
            expected = " or ".join(f"'{folder}{file}'" for file in self.workspace.config.build_files)
            hint = self._file_at(name) or self._nearest_package(name)
            raise BuildErrors([BuildError(f"no package '//{name}': there is no {expected}", hint=hint)])
        build_file = Label("", name, path.rpartition("/")[2])
        scope = PackageScope(name, self.files, self._read_lock)
        try:
            self._modules.run_build_file(build_file, scope)
        except BuildError as error:
            scope.faults.append(error)
        except BuildErrors as errors:
            scope.faults += errors.errors
        _raise(scope.faults)
        self.rules.add(scope)
        names = tuple(sorted(target.label.name for target in scope.targets.values() if target.rule))
        scope.targets = with_tests(scope.targets, scope.rules)
        return Package(name, path, scope.targets, self._modules.loads(build_file), names), scope

    def _file_at(self, path: str) -> str | None:
        """The label of the file that is where a package was looked for."""
        parts = path.split("/")
        for depth in range(len(parts) - 1, -1, -1):
            folder, name = "/".join(parts[:depth]), "/".join(parts[depth:])
            if self.files.build_file(folder):
                there = self.files.is_file("", path)
                return f"it is a file: write '//{folder}:{name}'" if there else None
        return None

    def _nearest_package(self, name: str) -> str | None:
        found = nearest(name, self.files.packages_below(""))
        return f"did you mean '//{found}'?" if found else None

    def _read_lock(self, path: str, span: Span) -> LockFile:
        """A lock of the workspace, parsed; one that does not exist yet is a value too."""
        text = self.files.read("", path)
        try:
            return LockFile(path, parse_lock(text, path) if text is not None else None, span)
        except (BuildError, BuildErrors):
            if self._broken_locks:
                return LockFile(path, None, span)
            raise


@contextmanager
def _unswept() -> Iterator[None]:
    """No search for cycles of garbage: while much is made and nearly all of it kept, it takes a fifth of the time."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()


def _source(label: Label, *visibility: str) -> Target:
    return Target(label, "", {}, Span(label.path, 1, 1, 1, 1), {}, (), visibility)


def _raise(faults: list[BuildError]) -> None:
    """Raise the faults, if there are any."""
    if faults:
        raise BuildErrors(_once(faults))


def _once(faults: list[BuildError]) -> list[BuildError]:
    """Each fault once, though a broken file is met by everything that needs it."""
    first: dict[tuple[object, ...], BuildError] = {}
    for fault in faults:
        first.setdefault((fault.span, fault.message), fault)
    return list(first.values())
