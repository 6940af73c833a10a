"""Expressions → Python. What may fail gets a line of its own; what cannot stays text, to stand in the next line.

Operands are variables, constants, or sums of what is known to be small integers: nothing that evaluating the operands
after them could change. So the order of evaluation is that of the lines.
"""

from __future__ import annotations

from typing import Any

from buildkit.lang import syntax, translate_loop, translate_operators
from buildkit.lang.inference import Kind, is_int
from buildkit.lang.resolver import Home
from buildkit.lang.translation import Operand, Translator, Writer

_PLAIN_TEXT = 200
_SHORT = 120  # characters of a tuple that becomes part of a longer text


def _name(w: Writer, node: syntax.Name, into: str | None) -> Operand:
    home, where = w.unit.resolution.bindings[node.start]
    if home is Home.LOCAL:
        return Operand(w.unit.names[where], w.inference.kind(node))
    if home is Home.GLOBAL:
        return Operand(f"g{where}")
    value = w.unit.predeclared[where]
    if value is None or value is True or value is False:
        return Operand(repr(value), "none" if value is None else "bool")
    return Operand(w.constant(value))


def _literal(w: Writer, node: syntax.Literal, into: str | None) -> Operand:
    value, kind = node.value, w.inference.kind(node)
    if type(value) is int and value.bit_length() <= 64:
        return Operand(repr(value), kind)
    if type(value) is str and len(value) < _PLAIN_TEXT and value.isascii():
        return Operand(repr(value), kind)
    return Operand(w.constant(value), kind)


def _sequence(w: Writer, node: syntax.Sequence, into: str | None) -> Operand:
    parts = tuple([w.expression(item) for item in node.items])
    items = ", ".join([part.text for part in parts])
    if node.kind == "list":
        return Operand(w.store(f"List([{items}])", node, into), "list")
    if into is None and len(items) < _SHORT:
        return Operand(f"({items},)" if items else "()", "tuple", parts)
    return Operand(w.store(f"({items},)" if items else "()", node, into), "tuple", parts)


def _mapping(w: Writer, node: syntax.Mapping, into: str | None) -> Operand:
    entries = w.temporary()
    w.line(f"{entries} = {{}}", node)
    for key, value in node.entries:
        token = w.temporary()
        w.line(f"{token} = entry_key({entries}, {w.expression(key).text})", key)
        w.line(f"{entries}[{token}] = {w.expression(value).text}", value)
    return Operand(w.store(f"mapped({entries})", node, into), "dict")


def _conditional(w: Writer, node: syntax.Conditional, into: str | None) -> Operand:
    name = w.temporary()
    kind = w.inference.kind(node)
    if type(node.otherwise) is syntax.Conditional:
        _choice(w, node, name)
    else:
        _either(w, node, name)
    return Operand(name, kind)


def _either(w: Writer, node: syntax.Conditional, name: str) -> None:
    with w.block(f"if {translate_operators.truth(w, node.condition)}:", node.condition):
        w.assign(node.then, name)
    with w.block("else:", node):
        w.assign(node.otherwise, name)


def _choice(w: Writer, node: Any, name: str) -> None:
    """A long chain of conditions, without deep blocks."""
    chosen = w.temporary()
    w.line(f"{chosen} = False", node)
    while type(node) is syntax.Conditional:
        with (
            w.block(f"if not {chosen}:", node),
            w.block(f"if {translate_operators.truth(w, node.condition)}:", node.condition),
        ):
            w.assign(node.then, name)
            w.line(f"{chosen} = True", node)
        node = node.otherwise
    with w.block(f"if not {chosen}:", node):
        w.assign(node, name)


def _dot(w: Writer, node: syntax.Dot, into: str | None) -> Operand:
    value = w.expression(node.value)
    spot = syntax.Name(node.name_start, node.end, node.name)
    text = f"attribute({value.text}, {node.name!r})"
    return Operand(w.store(text, spot, into))


def _index(w: Writer, node: syntax.Index, into: str | None) -> Operand:
    value, key = w.expression(node.value), w.expression(node.key)
    text = lookup(value, key)
    again = ("index", value.text, key.text)
    return Operand(w.store(text, node, into, *again), w.inference.kind(node))


def lookup(value: Operand, key: Operand) -> str:
    """The text of `value[key]`."""
    general = f"index({value.text}, {key.text})"
    item, entry = f"{value.text}.items[{key.text}]", f"{value.text}.entries[{key.text}]"
    if value.kind in ("list", "dict", "tuple", "string") and (is_int(key.kind) or key.kind == "string"):
        if value.kind == "dict":
            return entry
        if is_int(key.kind):
            return item if value.kind == "list" else f"{value.text}[{key.text}]"
        return general
    if value.kind not in (None, "list", "dict"):
        return general
    if key.kind == "string":
        return f"{entry} if type({value.text}) is Dict else {general}"
    if is_int(key.kind):
        if value.kind is None:
            general = f"{value.text}[{key.text}] if type({value.text}) is tuple else {general}"
        return f"{item} if type({value.text}) is List else {entry} if type({value.text}) is Dict else {general}"
    if key.kind is not None:
        return general
    listed = f"{item} if type({key.text}) is int and type({value.text}) is List"
    plain = f"(type({key.text}) is str or type({key.text}) is int)"
    mapped = f"{entry} if type({value.text}) is Dict and {plain}"
    if value.kind is not None:
        return f"{listed if value.kind == 'list' else mapped} else {general}"
    return f"{listed} else {mapped} else {general}"


def _slice(w: Writer, node: syntax.Slice, into: str | None) -> Operand:
    value = w.expression(node.value)
    bounds = [w.expression(part).text if part is not None else "None" for part in (node.low, node.high, node.step)]
    text = f"take_slice({value.text}, {', '.join(bounds)})"
    name = w.store(text, node, into)
    kind: Kind = w.inference.kind(node)
    w.line(f"sized(T, {name})", node)
    return Operand(name, kind)


def _comprehension(w: Writer, node: syntax.Comprehension, into: str | None) -> Operand:
    result = w.temporary()
    if node.key is None:
        w.line(f"{result} = []", node)
        add = w.store(f"{result}.append", node, None)
        _clauses(w, node, 0, result, add)
        return Operand(w.store(f"List({result})", node, into), "list")
    w.line(f"{result} = {{}}", node)
    _clauses(w, node, 0, result, "")
    return Operand(w.store(f"mapped({result})", node, into), "dict")


def _clauses(w: Writer, node: syntax.Comprehension, number: int, result: str, add: str) -> None:
    if number == len(node.clauses):
        _emit(w, node, result, add)
        return
    clause = node.clauses[number]
    if isinstance(clause, syntax.IfClause):
        w.line(f"if not {translate_operators.truth(w, clause.condition)}: continue", clause.condition)
        _clauses(w, node, number + 1, result, add)
        return
    with translate_loop.loop(w, clause.target, clause.iterable):
        _clauses(w, node, number + 1, result, add)


def _emit(w: Writer, node: syntax.Comprehension, result: str, add: str) -> None:
    if node.key is None:
        w.line(f"{add}({w.expression(node.element).text})", node.element)
        return
    key = w.expression(node.key)
    token = key.text
    if not is_int(key.kind) and key.kind != "string":
        token = w.store(f"to_key({key.text})", node.key, None)
    w.line(f"{result}[{token}] = {w.expression(node.element).text}", node.element)


EXPRESSIONS: dict[type, Translator] = {
    syntax.Name: _name,
    syntax.Literal: _literal,
    syntax.Sequence: _sequence,
    syntax.Mapping: _mapping,
    syntax.Conditional: _conditional,
    syntax.Dot: _dot,
    syntax.Index: _index,
    syntax.Slice: _slice,
    syntax.Comprehension: _comprehension,
}
