"""Labels in a call's arguments: joined where they are written in two strings, and short: `//a/b:b` is `//a/b`."""

from __future__ import annotations

import re
from collections.abc import Callable

from buildkit.lang import literals as values
from buildkit.lang.format import layout, literals, tables
from buildkit.lang.format.layout import LEAVE_ALONE, Node, says

_LABEL = re.compile(r"(((?:@([0-9A-Za-z_]+))?//)(?:.+/)?([^:]*))(?::([^:]+))?\Z")


def fix(call: layout.Call) -> None:
    """Change the labels among a call's named arguments."""
    for item in call.items:
        if not isinstance(item, layout.Assign) or not isinstance(item.target, layout.Name):
            continue
        name = item.target.text
        if name not in tables.LABELS or (call.name, name) in tables.LABELS_KEPT:
            continue
        if not says(item, LEAVE_ALONE) and not says(item.value, LEAVE_ALONE):
            item.value = each_value(item.value, _fixed)


def each_value(node: Node, change: Callable[[Node], Node]) -> Node:
    """Change a value, or the values that it is added up from or selected among."""
    node = change(node)
    if isinstance(node, layout.Binary) and "+" in node.operators:
        start = 0 if all(operator == "+" for operator in node.operators) else _last_run(node)
        for index in range(start, len(node.operands)):
            node.operands[index] = each_value(node.operands[index], change)
    elif isinstance(node, layout.Chain) and len(node.links) == 1:
        _each_branch(node, change)
    return node


def _last_run(node: layout.Binary) -> int:
    """The first operand that is only added: sums group to the left."""
    start = len(node.operators)
    while start and node.operators[start - 1] == "+":
        start -= 1
    return start + 1


def _each_branch(node: layout.Chain, change: Callable[[Node], Node]) -> None:
    link = node.links[0]
    if not isinstance(link, layout.Call) or link.name != "select" or not link.items:
        return
    branches = link.items[0]
    if isinstance(branches, layout.Group) and branches.kind == "{":
        for pair in branches.items:
            if isinstance(pair, layout.Pair):
                pair.value = each_value(pair.value, change)


def _fixed(node: Node) -> Node:
    if isinstance(node, layout.Group) and node.kind == "[":
        node.items = [item if says(item, LEAVE_ALONE) else _shortened(_joined(item)) for item in node.items]
        return node
    return _shortened(_joined(node))


def _joined(node: Node) -> Node:
    """`"//a" + ":b"` as one literal."""
    if not isinstance(node, layout.Binary) or node.operators[0] != "+":
        return node
    first, second, *rest = node.operands
    if not isinstance(first, layout.Text) or not isinstance(second, layout.Text):
        return node
    if not first.value.startswith("//") or " " in first.value or " " in second.value:
        return node
    literals.change(first, first.value + second.value)
    first.last, first.end = second.last, second.end
    if not rest:
        first.before = node.before + first.before + second.before
        first.suffix = first.suffix + second.suffix + node.suffix
        return first
    first.before += second.before
    first.suffix += second.suffix
    del node.operands[1], node.operators[0], node.breaks[0]
    return node


def _shortened(node: Node) -> Node:
    if not isinstance(node, layout.Text):
        return node
    match = _LABEL.match(node.value)
    if match is None:
        return node
    whole, _, repository, last, name = match.groups()
    if last and last == name:
        literals.change(node, whole)
    elif repository and not last and repository == name:
        literals.change(node, "@" + repository)
    return node


def retext(node: layout.Text, text: str) -> None:
    """Write a literal otherwise."""
    node.text = text
    node.value = values.string(text, node.start)
