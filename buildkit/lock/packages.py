"""A suite's packages: what each is called, needs, and stands in for.

In: the text of Packages indexes. Out: `Catalog`, which finds packages by name and by what they provide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from buildkit.graph.lockfile import LockEntry

if TYPE_CHECKING:
    from debian.debian_support import NativeVersion

_FIELD = re.compile(r"^([A-Za-z0-9-]+):[ \t]*(.*)$", re.MULTILINE)
_PRIORITIES = ("required", "important", "standard", "optional", "extra")
_COMPARISONS = {
    "<<": lambda found, wanted: found < wanted,
    "<=": lambda found, wanted: found <= wanted,
    "=": lambda found, wanted: found == wanted,
    ">=": lambda found, wanted: found >= wanted,
    ">>": lambda found, wanted: found > wanted,
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A name, and perhaps a comparison with a version: `libc6 (>= 2.34)`."""

    name: str
    comparison: str = ""
    version: str = ""

    def accepts(self, version: str) -> bool:
        """Whether a package of this version satisfies the relation."""
        return not self.comparison or _COMPARISONS[self.comparison](_version(version), _version(self.version))

    def __str__(self) -> str:
        return f"{self.name} ({self.comparison} {self.version})" if self.comparison else self.name


@dataclass(frozen=True)
class Package:
    """One stanza. Relations are read when they are asked for: a suite has 60,000 packages, a closure fifty."""

    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.fields["Package"]

    @property
    def version(self) -> str:
        """Its version, as Debian writes it."""
        return self.fields["Version"]

    @cached_property
    def depends(self) -> tuple[tuple[Relation, ...], ...]:
        """What it cannot be without: groups of alternatives."""
        return tuple(group for field in ("Pre-Depends", "Depends") for group in self._groups(field))

    @cached_property
    def excludes(self) -> tuple[Relation, ...]:
        """What it cannot be beside."""
        return tuple(one for field in ("Conflicts", "Breaks") for group in self._groups(field) for one in group)

    @cached_property
    def provides(self) -> Mapping[str, str]:
        """What it stands in for → at which version, or ''."""
        return {one.name: one.version for group in self._groups("Provides") for one in group}

    def satisfies(self, relation: Relation) -> bool:
        """Whether it is, or stands in for, what is asked; with a version only if it provides one (Policy 7.5)."""
        if self.name == relation.name and relation.accepts(self.version):
            return True
        version = self.provides.get(relation.name)
        return version is not None and (not relation.comparison or (bool(version) and relation.accepts(version)))

    @property
    def rank(self) -> tuple[int, str]:
        """The order among packages that provide the same: by priority, then by name."""
        priority = self.fields.get("Priority", "")
        return (_PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)), self.name

    @property
    def entry(self) -> LockEntry:
        """Its line in a lock."""
        fields = self.fields
        return LockEntry(
            self.name,
            self.version,
            fields["Filename"],
            int(fields["Size"]),
            fields["SHA256"],
            fields["Architecture"],
        )

    def _groups(self, field: str) -> Iterator[tuple[Relation, ...]]:
        from debian.deb822 import PkgRelation

        for group in PkgRelation.parse_relations(self.fields[field]) if self.fields.get(field) else ():
            yield tuple(Relation(str(one["name"]), *(one["version"] or ("", ""))) for one in group)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A suite's packages by name (the newest version), and their names by what they provide."""

    packages: Mapping[str, Package]
    providers: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Catalog:
        """Read Packages indexes."""
        packages: dict[str, Package] = {}
        for text in texts:
            for package in _stanzas(text):
                other = packages.get(package.name)
                if other is None or _version(other.version) < _version(package.version):
                    packages[package.name] = package
        providers: dict[str, list[str]] = {}
        for name, package in packages.items():
            for provided in package.provides if "Provides" in package.fields else ():
                providers.setdefault(provided, []).append(name)
        return cls(packages, {name: tuple(found) for name, found in providers.items()})

    def satisfying(self, relation: Relation) -> list[Package]:
        """The packages that satisfy a relation: the one of that name first, then providers by rank."""
        real = self.packages.get(relation.name)
        standing_in = (self.packages[name] for name in self.providers.get(relation.name, ()))
        ordered = [*([real] if real else []), *sorted(standing_in, key=lambda package: package.rank)]
        return [package for package in ordered if package.satisfies(relation)]


def _stanzas(text: str) -> Iterator[Package]:
    for stanza in text.split("\n\n"):
        if stanza.strip():
            yield Package(dict(_FIELD.findall(stanza)))


def _version(text: str) -> NativeVersion:
    from debian.debian_support import NativeVersion

    return NativeVersion(text)
