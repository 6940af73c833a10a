"""Attributes as `attr()` compares them, and as JSON and BUILD text show them.

In: a target. Out: texts in Bazel's forms: lists as "[a, b]", booleans as 0 and 1, labels absolute; of a `select` each
value that it may have.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from buildkit.graph.conversion import LockFile
from buildkit.graph.package import Target

_MANUAL = ("config_setting", "constraint_setting", "constraint_value", "platform")  # 'manual' in Bazel's eyes
_COMBINATIONS = 256  # of the branches of several selects in one attribute


def texts(target: Target, name: str) -> list[str]:
    """The texts of one attribute, one for each value that it may have; none where the target has no such attribute."""
    if not target.rule:
        return []
    if name == "visibility":
        return [text(target.visibility)]
    if name not in target.attributes:
        return []
    if name == "deprecation" and not target.deprecation and name not in target.spans:
        return []
    if name == "tags" and target.rule in _MANUAL:
        return [text(("manual", *target.tags))]
    return [text(value) for value in values(target.attributes[name]) if value is not None]


def values(value: Any) -> Iterator[Any]:
    """The plain values that an attribute may have: one, or those of a select's branches."""
    parts = getattr(value, "parts", None)
    if parts is None:
        yield value
        return
    choices = [[one for _, one in part.conditions] if hasattr(part, "conditions") else [part] for part in parts]
    for combination in itertools.islice(itertools.product(*choices), _COMBINATIONS):
        yield _sum(combination)


def _sum(parts: tuple[Any, ...]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = {**total, **part} if isinstance(total, Mapping) else total + part
    return total


def text(value: Any) -> str:
    """One plain value."""
    match value:
        case bool():
            return str(int(value))
        case tuple() | list():
            return "[" + ", ".join(map(text, value)) + "]"
        case Mapping():
            return "{" + ", ".join(f"{text(key)}={text(item)}" for key, item in value.items()) + "}"
        case LockFile():
            return value.path
        case None:
            return ""
        case _:
            return str(value)
