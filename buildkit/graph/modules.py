"""Files of code: each .bzl file is run once, and parsed once for as long as it stays the same.

In: labels of files. Out: their values. Parsed files are kept between invocations under the key of their text.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from buildkit import __version__
from buildkit.digest import Key
from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.attribute import AttrModule
from buildkit.graph.config import MARKER
from buildkit.graph.declare import BUILD_FUNCTIONS
from buildkit.graph.define import RULE
from buildkit.graph.depset import DEPSET
from buildkit.graph.files import Facts, WorkspaceFiles
from buildkit.graph.instance import PROVIDER
from buildkit.graph.native import Native
from buildkit.graph.provider import KNOWN
from buildkit.graph.rule import Rule
from buildkit.graph.scope import PackageScope
from buildkit.graph.select import SELECT
from buildkit.graph.transition import TRANSITION
from buildkit.graph.values import LABEL
from buildkit.graph.workspace import STANDARD_PACKAGE, STANDARD_PLATFORMS, STANDARD_REPOSITORY
from buildkit.label import Label
from buildkit.lang import File, JsonModule, Limits, Value, evaluate, parse, within

PRELUDE = Label(STANDARD_REPOSITORY, STANDARD_PACKAGE, "prelude.bzl")
BZL_NAMES: dict[str, Value] = {
    "rule": RULE,
    "provider": PROVIDER,
    "depset": DEPSET,
    "attr": AttrModule(),
    "select": SELECT,
    "transition": TRANSITION,
    "json": JsonModule(),
    "native": Native(BUILD_FUNCTIONS, dict),
    "Label": LABEL,
    "VERSION": __version__,
    **KNOWN,
}

_STRAY_BYTE = re.compile("[\udc80-\udcff]")

Printer = Callable[[Span, str], None]
Module = Mapping[str, Value]


class ParsedCache(Protocol):
    """Keeps parsed files between invocations; local and private, since what it gives is unpickled."""

    def get(self, key: Key) -> bytes | None:
        """What was put under a key, or None."""

    def put(self, key: Key, data: bytes) -> None:
        """Keep data under a key."""


class NothingKept:
    """A cache that is always empty."""

    def get(self, key: Key) -> None:
        """Nothing."""

    def put(self, key: Key, data: bytes) -> None:
        """Keep nothing."""


class Modules:
    """Runs BUILD files, and .bzl files each once; a file that fails, fails the same way each time it is asked for."""

    def __init__(
        self, files: WorkspaceFiles, parsed: ParsedCache, printer: Printer, limits: Limits | None = None
    ) -> None:
        self._files = files
        self.parsed = parsed
        self._printer = printer
        self._limits = limits or Limits()
        self._modules: dict[Label, Module | BuildError | BuildErrors] = {}
        self._loading: list[Label] = []
        self._names = {**BZL_NAMES, "native": Native(BUILD_FUNCTIONS, self._prelude)}
        self._loads: dict[Label, dict[Label, None]] = {}
        self._facts: dict[Label, Facts] = {}
        self._homes: dict[Rule, tuple[Label | None, str]] = {}

    def run_build_file(self, label: Label, scope: PackageScope) -> None:
        """Run a BUILD file, which sees the preludes' names, the workspace's own before the standard ones.

        It declares into `scope`.
        """
        self._loads[label] = {}
        own = {} if label.repository else self._own_prelude(label)
        self._run(label, {**BUILD_FUNCTIONS, **self._prelude(), **own}, scope)

    def _prelude(self) -> Module:
        return {name: value for name, value in self.module(PRELUDE).items() if not name.startswith("_")}

    def _own_prelude(self, build_file: Label) -> Module:
        """The names of the prelude that mbuild.toml names, if it does."""
        named = self._files.workspace.config.prelude
        if named is None:
            return {}
        label = Label.parse(named)
        self._loads[build_file][label] = None
        try:
            return {name: value for name, value in self.module(label).items() if not name.startswith("_")}
        except BuildError as error:
            raise error.noted(f"it is the workspace's prelude, as {MARKER} says") from None

    def module(self, label: Label) -> Module:
        """The frozen global values of a .bzl file."""
        if label in self._loading:
            raise self._circle(label)
        if label not in self._modules:
            self._loading.append(label)
            try:
                with self._files.noting() as self._facts[label]:
                    self._modules[label] = self._run(label, self._names, None)
            except (BuildError, BuildErrors) as error:
                self._modules[label] = error
            finally:
                self._loading.pop()
        self._files.facts |= self._facts[label]
        found = self._modules[label]
        if isinstance(found, (BuildError, BuildErrors)):
            raise found
        return found

    def loads(self, label: Label) -> tuple[Label, ...]:
        """All .bzl files that a file loads, and those that these load, sorted; of files that have run."""
        found: set[Label] = set()
        pending = [label]
        while pending:
            for loaded in self._loads.get(pending.pop(), ()):
                if loaded not in found:
                    found.add(loaded)
                    pending.append(loaded)
        return tuple(sorted(found))

    def home(self, rule: Rule) -> tuple[Label | None, str] | None:
        """Where a rule is found anew: a .bzl file that has run (None: what BUILD files see of themselves), its name."""
        if rule not in self._homes:
            self._homes |= {value: (None, name) for name, value in BUILD_FUNCTIONS.items() if isinstance(value, Rule)}
            for label, module in self._modules.items():
                if isinstance(module, Mapping):
                    found = {value: (label, name) for name, value in module.items() if isinstance(value, Rule)}
                    self._homes |= {value: home for value, home in found.items() if value not in self._homes}
        return self._homes.get(rule)

    def rule(self, home: tuple[Label | None, str]) -> Rule:
        """The rule of a home."""
        label, name = home
        found = BUILD_FUNCTIONS[name] if label is None else self.module(label)[name]
        assert isinstance(found, Rule), home
        return found

    def _circle(self, label: Label) -> BuildError:
        circle = [*self._loading[self._loading.index(label) :], label]
        notes = [str(circle[0]), *(f"  loads {name}" for name in circle[1:])]
        return BuildError(f"load cycle: '{label}' loads itself", notes=notes)

    def _run(self, label: Label, predeclared: Module, scope: PackageScope | None) -> Module:
        path = f"@{label.repository}//{label.path}" if label.repository else label.path
        text = self._files.read(label.repository, label.path)
        if text is None:
            raise BuildError(f"cannot load '{label}': the file '{path}' does not exist")

        _check_text(text, path)

        def load(name: str, span: Span) -> Module:
            return self._load(name, span, label)

        with within(self._limits):
            file = self._parse(text, path, build_file=scope is not None)
            return evaluate(file, predeclared=predeclared, load=load, context=scope, printer=self._printer)

    def _parse(self, text: str, path: str, *, build_file: bool) -> File:
        if build_file:  # what it declares is kept, as a package: to keep its tree as well takes as long as to parse it
            return parse(text, path, build_file=True)
        key = Key.of("mbuild parsed 1", __version__, path, text)
        kept = unpickled(self.parsed.get(key))
        if isinstance(kept, File):
            return kept
        file = parse(text, path, build_file=False)
        self.parsed.put(key, pickle.dumps(file, protocol=pickle.HIGHEST_PROTOCOL))
        return file

    def _load(self, text: str, span: Span, origin: Label) -> Module:
        try:
            label = Label.parse(text, origin.package, origin.repository)
            if not label.name.endswith(".bzl"):
                raise BuildError(f"cannot load '{text}': only .bzl files can be loaded")
            check_repository(label)
            self._loads.setdefault(origin, {})[label] = None
            return self.module(label)
        except BuildError as error:
            if error.span:
                raise
            raise BuildError(error.message, span=span, hint=error.hint, notes=error.notes) from None


def _check_text(text: str, path: str) -> None:
    """Raise BuildError at the first byte that was not UTF-8; such a byte was read as a lone surrogate."""
    if found := _STRAY_BYTE.search(text):
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        span = Span(path, line, column, line, column + 1)
        raise BuildError(f"not UTF-8 text: there is a byte 0x{ord(found[0]) - 0xDC00:02x}", span=span)


def check_repository(label: Label) -> None:
    """Raise BuildError for a label that is neither of the workspace nor of the standard rules."""
    if label.repository not in ("", STANDARD_REPOSITORY):
        raise BuildError(
            f"'{label}' is in the unknown repository '@{label.repository}'",
            hint=f"the standard rules are in '@{STANDARD_REPOSITORY}//{STANDARD_PACKAGE}'",
        )
    if label.repository and label.package not in (STANDARD_PACKAGE, STANDARD_PLATFORMS):
        raise BuildError(
            f"'{label}' is in the unknown package '@{STANDARD_REPOSITORY}//{label.package}'",
            hint=f"its packages are '{STANDARD_PACKAGE}' and '{STANDARD_PLATFORMS}'",
        )


def unpickled(data: bytes | None) -> object:
    """What was pickled; None where there is nothing, or where another mbuild's classes were other ones."""
    if data is None:
        return None
    try:
        return pickle.loads(data)
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, LookupError, TypeError, ValueError):
        return None
