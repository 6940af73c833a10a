"""How two images differ, at the level that people think in; values only.

`Change.before` and `after` are None where there is nothing. What was not looked at, so as not to fetch it, is told in
`Difference.notes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from buildkit.digest import Digest
from buildkit.images.facts import LayerFacts
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One thing by its name: in the first image, in the second."""

    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path: its size on both sides, what of it changed, where it leads on both if it is a symlink."""

    path: str
    before: int | None
    after: int | None
    what: tuple[str, ...] = ()  # of 'content', 'content?', 'link?', 'mode', 'type', 'target', 'whiteout'
    targets: tuple[str, str] = ("", "")

    @property
    def kind(self) -> str:
        """`added`, `removed`, `changed`, or `unknown`: all that may differ was not compared."""
        if self.what and {*self.what} <= {"content?", "link?"}:
            return "unknown"
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class WeightsChange:
    """A folder or file of safetensors: tensors that differ. `unknown` are those whose bytes were not compared.

    `other` is where the second image has them, if elsewhere.
    """

    path: str
    tensors: tuple[Change, ...]
    same: int
    unknown: int = 0
    other: str = ""


@dataclass(frozen=True, slots=True)
class Members:
    """How two indexes differ, or an index and an image; and which image of each all else was compared of."""

    index: tuple[Change, ...]  # what the indexes say of themselves
    changes: tuple[Change, ...]
    platforms: tuple[str, str]
    digests: tuple[Digest, Digest]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two images; `shared` are layers that both have, which were not read.

    `first` and `second` are the names and digests of what was compared: where `members` is there, of indexes.
    """

    first: tuple[str, Digest]
    second: tuple[str, Digest]
    members: Members | None = None
    config: tuple[Change, ...] = ()
    packages: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    files: tuple[FileChange, ...] = ()
    weights: tuple[WeightsChange, ...] = ()
    shared: tuple[LayerFacts, ...] = ()
    removed_layers: tuple[LayerFacts, ...] = ()
    added_layers: tuple[LayerFacts, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether both are one image, to the byte."""
        return self.first[1] == self.second[1]

    @property
    def inner_identical(self) -> bool:
        """Whether the images of two indexes that were compared are one, though the indexes differ."""
        return self.members is not None and self.members.digests[0] == self.members.digests[1]


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """What differs between two mappings, by name."""
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
