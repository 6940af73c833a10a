"""Targets, as `mbuild query` prints them: a line each, or JSON, in one of the orders.

In: labels, and functions that give a label's target and its dependencies. Out: lines, made one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from buildkit.errors import Span
from buildkit.graph.conversion import LockFile
from buildkit.graph.package import Target
from buildkit.graph.query.paths import total_order
from buildkit.graph.selection import DEFAULT, Branches, Selection
from buildkit.label import Label
from buildkit.records import dataclass
from buildkit.report.targets_as_build import build_text
from buildkit.report.targets_as_dot import dot, ranked

Lines = Iterator[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """What is to be printed: labels in their order, their targets, and the edges among them.

    `variants` are, with cquery, the configurations of each by name, and the target as it is there.
    """

    labels: Sequence[Label]
    target: Callable[[Label], Target | None]
    needs: Callable[[Label], Sequence[Label]]
    variants: Callable[[Label], Sequence[tuple[str, Target]]] | None = None

    def shown(self) -> Iterator[str]:
        """The labels as lines show them, in order."""
        for label in self.labels:
            if self.variants is None:
                yield str(label)
            else:
                yield from (f"{label} ({name})" for name, _ in self.variants(label))

    def rows(self) -> Iterator[tuple[str, str, Target]]:
        """What a line shows of each target, its configuration's name, and the target; in order."""
        for label in self.labels:
            if self.variants:
                yield from ((f"{label} ({name})", name, target) for name, target in self.variants(label))
            elif target := self.target(label):
                yield str(label), "", target

    def targets(self) -> Iterator[Target]:
        """The targets, in order."""
        for label in self.labels:
            if target := self.target(label):
                yield target


def in_order(listed: Listed, order: str, *, path: bool = False) -> Listed:
    """The same targets, in an order: 'auto' (by label, a path as it runs), 'deps' and 'full' (each before what it
    needs), 'no' (as they were found).
    """
    if order == "no" or (path and order == "auto"):
        return listed
    labels = sorted(listed.labels)
    if order in ("deps", "full"):
        labels = total_order(labels, listed.needs)
    return replace(listed, labels=labels)


def _label(listed: Listed) -> Lines:
    return listed.shown()


def _label_kind(listed: Listed) -> Lines:
    return (f"{target.kind} {shown}" for shown, _, target in listed.rows())


def _package(listed: Listed) -> Lines:
    names = {f"@{label.repository}//{label.package}" if label.repository else label.package for label in listed.labels}
    return iter(sorted(names))


def _location(listed: Listed) -> Lines:
    return (f"{target.span}: {target.kind} {shown}" for shown, _, target in listed.rows())


def _build(listed: Listed) -> Lines:
    """Rules, and of a file that a rule makes that rule; each once."""
    made_by = ((listed.target(one.generator) if one.generator else one) for one in listed.targets())
    rules = {rule.label: rule for rule in made_by if rule and rule.rule}
    return (build_text(rule) for rule in rules.values())


def _jsonl(listed: Listed) -> Lines:
    for _, configuration, target in listed.rows():
        named = {"configuration": configuration} if configuration else {}
        yield json.dumps(described(target) | named, ensure_ascii=False)


def _json(listed: Listed) -> Lines:
    before = "["
    for line in _jsonl(listed):
        yield before + line
        before = ","
    yield "]" if before == "," else "[]"


def described(target: Target) -> dict[str, Any]:
    """A target as JSON."""
    attributes = {name: plain(value) for name, value in target.attributes.items()}
    return {
        "label": str(target.label),
        "kind": target.kind,
        "location": _place(target.span),
        **({"rule": target.rule} if target.rule else {}),
        **({"attributes": attributes} if attributes else {}),
        **({"generator": str(target.generator)} if target.generator else {}),
        "visibility": [str(grant) for grant in target.visibility],
    }


def _place(span: Span) -> dict[str, Any]:
    return {"path": span.path, "line": span.line, "column": span.column}


def plain(value: Any) -> Any:
    """An attribute's value as JSON: labels are their text, a select is {"select": {condition: value}}."""
    match value:
        case Selection():
            parts = [plain(part) for part in value.parts]
            return parts[0] if len(parts) == 1 else {"concatenated": parts}
        case Branches():
            return {"select": {str(label or DEFAULT): plain(one) for label, one in value.conditions}}
        case Label():
            return str(value)
        case LockFile():
            return value.path
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def _dot(factored: bool) -> Callable[[Listed], Lines]:
    return lambda listed: dot(listed.labels, listed.needs, factored=factored)


FORMATS: dict[str, Callable[[Listed], Lines]] = {
    "label": _label,
    "label_kind": _label_kind,
    "package": _package,
    "location": _location,
    "build": _build,
    "graph": _dot(factored=True),
    "json": _json,
    "jsonl": _jsonl,
    "minrank": lambda listed: ranked(listed.labels, listed.needs, longest=False),
    "maxrank": lambda listed: ranked(listed.labels, listed.needs, longest=True),
}
UNFACTORED = _dot(factored=False)
