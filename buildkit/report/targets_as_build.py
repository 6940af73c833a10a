"""Targets as BUILD text: what was declared, with macros, globs and variables replaced by what they gave.

In: a target. Out: a call of its rule, with a comment that says where it was declared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from buildkit.graph.conversion import LockFile
from buildkit.graph.package import Target
from buildkit.graph.selection import DEFAULT, Branches, Selection
from buildkit.label import Label


def build_text(target: Target) -> str:
    """The call that declares a target, of the attributes that were given."""
    lines = [f"# {target.span}", f"{target.rule}("]
    for name, value in _given(target):
        lines.append(f"    {name} = {_value(value, 1)},")
    return "\n".join([*lines, ")", ""])


def _given(target: Target) -> Iterator[tuple[str, Any]]:
    yield "name", target.label.name
    for name in target.spans:
        if name in target.attributes and name != "name":
            yield name, target.attributes[name]
    if "visibility" in target.spans:
        yield "visibility", tuple(map(str, target.visibility))


def _value(value: Any, depth: int) -> str:
    match value:
        case Selection():
            return " + ".join(_value(part, depth) for part in value.parts)
        case Branches():
            return f"select({_dict({str(label or DEFAULT): one for label, one in value.conditions}, depth)})"
        case Mapping():
            return _dict(value, depth)
        case tuple() | list():
            return _list([_value(item, depth + 1) for item in value], depth)
        case None | bool() | int() | float():
            return repr(value)
        case LockFile():
            return _string(value.path)
        case Label():
            return _string(str(value))
    return _string(str(value))


def _list(items: list[str], depth: int) -> str:
    if len(items) < 2 and "\n" not in "".join(items):
        return f"[{', '.join(items)}]"
    return _lines("[", items, "]", depth)


def _dict(value: Mapping[Any, Any], depth: int) -> str:
    items = [f"{_value(key, depth + 1)}: {_value(item, depth + 1)}" for key, item in value.items()]
    return _lines("{", items, "}", depth) if items else "{}"


def _lines(opening: str, items: list[str], closing: str, depth: int) -> str:
    indent = "    " * depth
    return "\n".join([opening, *(f"{indent}    {item}," for item in items), indent + closing])


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
