"""Loops and what they assign to → Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import syntax
from buildkit.lang.inference import is_int
from buildkit.lang.resolver import Home
from buildkit.lang.runtime import CHUNK
from buildkit.lang.translation import LOOPS, Operand, Writer

_FRESH = ("sorted", "list", "enumerate", "zip", "reversed", "tuple")  # nothing else has what these give


@contextmanager
def loop(w: Writer, target: Any, iterable: Any) -> Iterator[None]:
    """A loop; its body is written inside."""
    if len(w.guards) >= LOOPS:
        raise BuildError(f"loops are nested too deeply: the bound is {LOOPS}", span=w.span(iterable))
    values, guarded = _values(w, iterable)
    names = type(target) is syntax.Name
    name = w.expression(target).text if names else w.temporary()
    w.guards.append(guarded)
    with w.block(f"for {name} in {values}:", iterable):
        if not names:
            assign_to(w, target, Operand(name), target)
        yield
    w.guards.pop()
    if guarded:
        w.line(f"if type({guarded}) is List: {guarded}.iterating -= 1", iterable)
        w.line(f"else: release({guarded})", iterable)


def _values(w: Writer, iterable: Any) -> tuple[str, str]:
    """The text of what a loop goes over, and the variable that must not change meanwhile."""
    called = type(iterable) is syntax.Invocation and all(one.kind == "" for one in iterable.arguments)
    name = w.inference.builtin(iterable.function) if called else None
    if name == "range" and 0 < len(iterable.arguments) < 4:
        return _range(w, iterable), ""
    value = w.expression(iterable)
    if name in _FRESH or type(iterable) is syntax.Comprehension:
        return f"over(T, {value.text})", ""
    if value.kind == "tuple":
        return f"rounds(T, {value.text})", ""
    guarded = w.temporary()
    w.line(f"{guarded} = {value.text}", iterable)
    return f"iterate(T, {guarded})", guarded


def _range(w: Writer, node: syntax.Invocation) -> str:
    """The text of what a loop over `range(…)` goes over."""
    bounds = [w.expression(one.value) for one in node.arguments]
    if len(bounds) == 1 and bounds[0].text.isdigit() and int(bounds[0].text) <= CHUNK:
        w.line(f"T.left -= {bounds[0].text}", node)
        w.line("if T.left < 0: T.refill()", node)
        return w.constant(range(int(bounds[0].text)))
    make = w.constant(w.unit.builtins["range"].function)  # type: ignore[attr-defined]
    return f"{'upto' if len(bounds) == 1 else 'between'}(T, {make}, {', '.join([one.text for one in bounds])})"


def assign_to(w: Writer, target: Any, value: Operand, node: Any) -> None:
    """Assign a value to a target."""
    kind = type(target)
    if kind is syntax.Name:
        w.line(f"{variable(w, target)} = {value.text}", node)
    elif kind is syntax.Sequence:
        _unpack(w, target, value)
    elif kind is syntax.Index:
        container = w.expression(target.value)
        store_item(w, container, w.expression(target.key), value, target)
    else:
        owner = w.expression(target.value)
        w.line(f"set_field({owner.text}, {target.name!r}, {value.text})", target)


def variable(w: Writer, name: syntax.Name) -> str:
    """The Python variable of a name that is assigned to."""
    home, where = w.unit.resolution.bindings[name.start]
    return w.unit.names[where] if home is Home.LOCAL else f"g{where}"


def _unpack(w: Writer, target: syntax.Sequence, value: Operand) -> None:
    count = len(target.items)
    values = w.store(value.text, target, None)
    w.line(f"if type({values}) is not tuple or len({values}) != {count}:", target)
    w.line(f" {values} = unpack({values}, {count})", target)
    if not target.items:
        return
    names = [variable(w, item) if type(item) is syntax.Name else w.temporary() for item in target.items]
    w.line(f"{', '.join(names)}, = {values}", target)
    for name, item in zip(names, target.items, strict=True):
        if type(item) is not syntax.Name:
            assign_to(w, item, Operand(name), item)


def store_item(w: Writer, container: Operand, key: Operand, value: Operand, node: Any) -> None:
    """`container[key] = value`."""
    general = f"store({container.text}, {key.text}, {value.text})"
    again = ("store", container.text, key.text, value.text)
    free = f"not {container.text}.frozen and not {container.text}.iterating"
    kind = "is" if container.kind in ("list", "dict") else ""
    branch = "if"
    if container.kind in (None, "list") and (key.kind is None or is_int(key.kind)):
        tests = [] if kind else [f"type({container.text}) is List"]
        tests += [] if key.kind is not None else [f"type({key.text}) is int"]
        w.line(f"if {' and '.join([*tests, free])}:", node)
        w.line(f" {container.text}.items[{key.text}] = {value.text}", node, *again)
        branch = "elif"
    if container.kind in (None, "dict") and (key.kind is None or is_int(key.kind) or key.kind == "string"):
        tests = [] if kind else [f"type({container.text}) is Dict"]
        tests += [] if key.kind is not None else [f"(type({key.text}) is str or type({key.text}) is int)"]
        w.line(f"{branch} {' and '.join([*tests, free])}:", node)
        w.line(f" {container.text}.entries[{key.text}] = {value.text}", node)
        branch = "elif"
    w.line(f"else: {general}" if branch == "elif" else general, node)
