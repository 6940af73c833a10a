"""Loads: at the top of a file, one for a module, in order; names in order.

buildifier forgets the comments of a load that it joins to another one; here they move to that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key

from buildkit.lang.format import layout
from buildkit.lang.format.layout import Node


def arrange(file: layout.File, comments: Sequence[str]) -> None:
    """Arrange a file's loads. A comment anywhere may forbid a part of it: `buildifier: disable=load-on-top`."""
    said = "\n".join(comments).lower()
    if "disable=load-on-top" not in said:
        file.statements = _on_top(file.statements)
    if "disable=same-origin-load" not in said:
        file.statements = _joined(file.statements)
    if "disable=out-of-order-load" not in said:
        file.statements = _sorted(file.statements)


def _on_top(statements: Sequence[Node]) -> list[Node]:
    top = 0
    while top < len(statements) and isinstance(statements[top], layout.Load | layout.Text | layout.CommentBlock):
        top += 1
    rest = statements[top:]
    loads = [node for node in rest if isinstance(node, layout.Load)]
    return [*statements[:top], *loads, *(node for node in rest if not isinstance(node, layout.Load))]


def _joined(statements: Sequence[Node]) -> list[Node]:
    first: dict[str, layout.Load] = {}
    found: list[Node] = []
    for node in statements:
        if not isinstance(node, layout.Load):
            found.append(node)
        elif node.module.value in first:
            _join(first[node.module.value], node)
        else:
            first[node.module.value] = node
            found.append(node)
    return found


def _join(kept: layout.Load, other: layout.Load) -> None:
    kept.compact = kept.compact and other.compact
    kept.before += other.before + other.module.before
    kept.suffix += other.module.suffix + other.closing.suffix + other.suffix
    kept.after += other.after
    kept.closing.before += other.closing.before
    kept.names += other.names


def sort_names(load: layout.Load) -> None:
    """Names that keep their name first; each once."""
    names: dict[tuple[str, str], layout.LoadName] = {}
    for name in load.names:
        kept = names.setdefault((name.local, name.original), name)
        if kept is not name:
            kept.before += name.before
            kept.suffix += name.suffix
    load.names = sorted(names.values(), key=lambda name: (name.local != name.original, name.local))


def _sorted(statements: Sequence[Node]) -> list[Node]:
    found: list[Node] = []
    run: list[layout.Load] = []
    for node in statements:
        if isinstance(node, layout.Load):
            run.append(node)
            continue
        run.sort(key=_order)
        found += [*run, node]
        run = []
    run.sort(key=_order)
    return [*found, *run]


def _compare(one: layout.Load, other: layout.Load) -> int:
    """Modules of other repositories first, then by package and name; those of this package come last."""
    first, second = one.module.value, other.module.value
    return -1 if _precedes(first, second) else int(_precedes(second, first))


def _precedes(one: str, other: str) -> bool:
    if one.startswith("@") != other.startswith("@"):
        return one.startswith("@")
    package, name = _parts(one)
    other_package, other_name = _parts(other)
    if package == other_package:
        return name.split("/") < other_name.split("/")
    if not package or not other_package:
        return bool(package)
    return package.split("/") < other_package.split("/")


def _parts(module: str) -> tuple[str, str]:
    package, colon, name = module.partition(":")
    return (package, name) if colon else ("", module)


_order = cmp_to_key(_compare)
