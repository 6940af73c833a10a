"""Parentheses that change nothing go: around names, literals, lists and calls, where they stand on one line."""

from __future__ import annotations

from dataclasses import fields

from buildkit.lang.format import layout
from buildkit.lang.format.layout import Node

_PLAIN = (layout.Name, layout.Number, layout.Text, layout.Comprehension)


def simplified(node: Node) -> Node:
    """A piece without needless parentheses in it, or around it."""
    while isinstance(node, layout.Group) and node.kind == "(" and _is_needless(node):
        node = node.items[0]
    for field in fields(node)[_OWN:]:
        value = getattr(node, field.name)
        if isinstance(value, Node):
            setattr(node, field.name, simplified(value))
        elif isinstance(value, list):
            setattr(node, field.name, [simplified(item) if isinstance(item, Node) else item for item in value])
    return node


_OWN = len(fields(Node))


def _is_needless(node: layout.Group) -> bool:
    if node.forced or node.before or node.suffix or node.after:
        return False
    inner = node.items[0]
    if isinstance(inner, _PLAIN):
        return True
    if isinstance(inner, layout.Group):
        return inner.kind in ("(", "[", "{")
    if not isinstance(inner, layout.Chain) or not isinstance(inner.links[-1], layout.Call):
        return False
    called = inner.links[-2] if len(inner.links) > 1 else inner.base
    return called.last == inner.first
