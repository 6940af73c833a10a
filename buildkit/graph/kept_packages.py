"""Packages of earlier invocations, used again while every fact that each rests on still holds.

In: loaded packages and their facts. Out: the same packages, whose targets are read when something asks for them. All
are one value of the cache; what is kept is unpickled, so the cache must be local and private to the user.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

from buildkit import __version__
from buildkit.digest import Key
from buildkit.errors import Span
from buildkit.graph.files import Fact, Facts, Folder, Question, WorkspaceFiles
from buildkit.graph.modules import ParsedCache, unpickled
from buildkit.graph.own_code import own_code
from buildkit.graph.package import Package, Target
from buildkit.graph.workspace import Workspace
from buildkit.label import Label

RuleName = tuple[
    Label | None, str
]  # the .bzl file, or None for what every BUILD file knows; the name that it has there
_FORM = "mbuild packages 1"


class Entry(NamedTuple):
    """One package: its facts by number, the names of its rules' targets, and the pickled targets."""

    path: str
    loads: tuple[Label, ...]
    facts: tuple[int, ...]
    names: tuple[str, ...]
    data: bytes


class KeptTargets(Mapping[str, Target]):
    """A package's targets, read when they are first asked for."""

    __slots__ = ("_data", "_rules", "_targets")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._targets: dict[str, Target] | None = None
        self._rules: dict[str, RuleName] = {}

    def _read(self) -> dict[str, Target]:
        if self._targets is None:
            self._targets, self._rules = pickle.loads(self._data)
        return self._targets

    def __getitem__(self, name: str) -> Target:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def rule_of(self, name: str) -> RuleName:
        """Where the rule of a target is found."""
        self._read()
        return self._rules[name]


class KeptPackages:
    """What is kept of one workspace. Recall packages, add those that were loaded, then `keep` them all."""

    def __init__(self, workspace: Workspace, cache: ParsedCache) -> None:
        self._cache = cache
        self._key = Key.of(
            _FORM, __version__, sys.version, list(own_code()), str(workspace.root), repr(workspace.config)
        )
        self._facts: list[tuple[Question, Fact]] = []
        self._entries: dict[str, Entry] = {}
        self.folders: dict[str, Folder] = {}
        found = unpickled(cache.get(self._key))
        if isinstance(found, tuple) and found[:1] == (_FORM,):
            _, self._facts, self._entries, self.folders = found
        self._added: dict[str, tuple[Entry, Facts]] = {}
        self._held: dict[int, bool] = {}
        self._changed = False

    def recall(self, name: str, files: WorkspaceFiles) -> Package | None:
        """The package as it was kept, if all its facts are still true; they are noted as if they were asked anew."""
        entry, held = self._entries.get(name), self._held
        if entry is None:
            return None
        for number in entry.facts:
            if not (held[number] if number in held else self._holds(number, files)):
                del self._entries[name]
                return None
        return Package(name, entry.path, KeptTargets(entry.data), entry.loads, entry.names)

    def _holds(self, number: int, files: WorkspaceFiles) -> bool:
        question, fact = self._facts[number]
        now = files.renewed(question, fact)
        self._held[number] = now is not None
        if now is not None:
            files.facts[question] = now
            if now != fact:
                self._facts[number] = (question, now)
                self._changed = True
        return now is not None

    def add(self, package: Package, facts: Facts, rules: Mapping[str, RuleName]) -> None:
        """Take a package that was loaded, with what it rests on and where each target's rule is found."""
        data = _pickled((dict(package.targets), dict(rules)))
        self._added[package.name] = (Entry(package.path, package.loads, (), package.names, data), dict(facts))

    def sent(self, names: Iterable[str]) -> bytes:
        """Packages that were added, for another process."""
        return _pickled([(name, self._added[name]) for name in names if name in self._added])

    def received(self, data: bytes, files: WorkspaceFiles) -> Iterator[Package]:
        """Add the packages that another process sent."""
        for name, (entry, facts) in pickle.loads(data) if data else ():
            self._added[name] = (entry, facts)
            files.facts |= facts
            yield Package(name, entry.path, KeptTargets(entry.data), entry.loads, entry.names)

    def keep(self, files: WorkspaceFiles) -> None:
        """Write what there is to keep, if it is not what is kept already."""
        if not self._added and not self._changed:
            return
        numbers: dict[tuple[Question, Fact], int] = {}
        entries: dict[str, Entry] = {}
        for name, entry in self._entries.items():
            found = (self._facts[number] for number in entry.facts)
            entries[name] = entry._replace(facts=_numbered(found, numbers))
        for name, (entry, facts) in self._added.items():
            entries[name] = entry._replace(facts=_numbered(facts.items(), numbers))
        folders = {**self.folders, **files.folders}
        self._cache.put(self._key, _pickled((_FORM, list(numbers), entries, folders)))


def _numbered(facts: Iterable[tuple[Question, Fact]], numbers: dict[tuple[Question, Fact], int]) -> tuple[int, ...]:
    return tuple([numbers.setdefault(fact, len(numbers)) for fact in facts])


def _pickled(value: object) -> bytes:
    """As pickle does it, but for the values of which there are very many."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | _PARTS
    pickler.dump(value)
    return buffer.getvalue()


def _parts(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    names = [field.name for field in fields(kind)]
    read = attrgetter(*names)
    return lambda value: (kind, read(value))


_PARTS: dict[type, Callable[[Any], Any]] = {kind: _parts(kind) for kind in (Label, Span, Target)}
