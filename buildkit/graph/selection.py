"""Selections: attribute values that depend on the configuration.

In: converted branches of `select(...)`. Out: `Selection`, which stands in an attribute's place until it is resolved.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from buildkit.graph.conversion import labels_of
from buildkit.label import Label
from buildkit.records import dataclass

DEFAULT = "//conditions:default"


@dataclass(frozen=True, slots=True)
class Branches:
    """One `select`: values by condition (None: '//conditions:default'), and what to say where none holds."""

    conditions: tuple[tuple[Label | None, Any], ...]
    no_match_error: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Plain values and selects, put together in order."""

    parts: tuple[Any | Branches, ...]

    def values(self) -> Iterator[Any]:
        """The plain values of all parts and of all branches."""
        for part in self.parts:
            if isinstance(part, Branches):
                yield from (value for _, value in part.conditions)
            else:
                yield part

    def conditions(self) -> Iterator[Label]:
        """The labels of all conditions."""
        for part in self.parts:
            if isinstance(part, Branches):
                yield from (label for label, _ in part.conditions if label)


def attribute_labels(kind: str, plain: Any) -> tuple[Label, ...] | None:
    """The labels in an attribute's value, those of all branches included; None for kinds that have none."""
    if not isinstance(plain, Selection):
        return labels_of(kind, plain)
    found = [labels_of(kind, value) for value in plain.values()]
    if any(labels is None for labels in found):
        return None
    return tuple(dict.fromkeys(label for labels in found for label in labels or ()))
