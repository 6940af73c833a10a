"""Expressions → Python closures over the slots of a frame.

In: resolved syntax. Out: functions that take a frame and give a value. `EXPRESSIONS` says who compiles what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import operators, syntax
from buildkit.lang.attributes import attribute
from buildkit.lang.compilation import Frame, Run, Unit, charge
from buildkit.lang.compile_calls import compile_invocation, compile_lambda
from buildkit.lang.compile_comprehension import compile_comprehension
from buildkit.lang.compile_operators import compile_binary, compile_unary
from buildkit.lang.resolver import Home, Variable
from buildkit.lang.text import brief
from buildkit.lang.thread import UNBOUND
from buildkit.lang.values import Dict, List, to_key


def _name(unit: Unit, node: syntax.Name) -> Run:
    home, where = unit.resolution.bindings[node.start]
    if home is Home.PREDECLARED:
        constant = unit.predeclared[where]
        return lambda frame: constant
    if home is Home.GLOBAL:
        return _global(unit, node, where)
    return _cell(unit, node, where) if where.cell else _local(unit, node, where.slot)


def _global(unit: Unit, node: syntax.Name, slot: int) -> Run:
    values = unit.globals

    def run(frame: Frame) -> Any:
        value = values[slot]
        if value is UNBOUND:
            raise _unset(unit, node, "global")
        return value

    return run


def _local(unit: Unit, node: syntax.Name, slot: int) -> Run:
    def run(frame: Frame) -> Any:
        value = frame[slot]
        if value is UNBOUND:
            raise _unset(unit, node, "local")
        return value

    return run


def _cell(unit: Unit, node: syntax.Name, variable: Variable) -> Run:
    slot = variable.slot

    def run(frame: Frame) -> Any:
        value = frame[slot][0]
        if value is UNBOUND:
            raise _unset(unit, node, "local")
        return value

    return run


def _unset(unit: Unit, node: syntax.Name, kind: str) -> BuildError:
    return BuildError(f"{kind} variable '{node.name}' is referenced before assignment", span=unit.span(node))


def _literal(unit: Unit, node: syntax.Literal) -> Run:
    value = node.value
    return lambda frame: value


def _sequence(unit: Unit, node: syntax.Sequence) -> Run:
    items = [unit.compile(item) for item in node.items]
    if node.kind == "list":
        return lambda frame: List([item(frame) for item in items])
    return lambda frame: tuple([item(frame) for item in items])


def _mapping(unit: Unit, node: syntax.Mapping) -> Run:
    entries = [(unit.compile(key), unit.compile(value), key) for key, value in node.entries]

    def run(frame: Frame) -> Any:
        result = Dict()
        for key, value, place_ in entries:
            name = key(frame)
            try:
                token = to_key(name)
                if token in result.entries:
                    raise BuildError(f"duplicate key: {brief(name)}")
            except BuildError as error:
                raise unit.place(error, place_) from None
            result.entries[token] = value(frame)
        return result

    return run


def _conditional(unit: Unit, node: syntax.Conditional) -> Run:
    condition = unit.compile(node.condition)
    then, otherwise = unit.compile(node.then), unit.compile(node.otherwise)
    return lambda frame: then(frame) if condition(frame) else otherwise(frame)


def _dot(unit: Unit, node: syntax.Dot) -> Run:
    value, name = unit.compile(node.value), node.name
    spot = syntax.Name(node.name_start, node.end, name)

    def run(frame: Frame) -> Any:
        receiver = value(frame)
        try:
            return attribute(receiver, name)
        except BuildError as error:
            raise unit.place(error, spot) from None

    return run


def _index(unit: Unit, node: syntax.Index) -> Run:
    value, key = unit.compile(node.value), unit.compile(node.key)

    def run(frame: Frame) -> Any:
        container, place_ = value(frame), key(frame)
        if type(container) is List and type(place_) is int and 0 <= place_ < len(container.items):
            return container.items[place_]
        try:
            return operators.index(container, place_)
        except BuildError as error:
            raise unit.place(error, node) from None

    return run


def _slice(unit: Unit, node: syntax.Slice) -> Run:
    value = unit.compile(node.value)
    low, high, step = (
        unit.compile(part) if part is not None else (lambda frame: None) for part in (node.low, node.high, node.step)
    )

    def run(frame: Frame) -> Any:
        container = value(frame)
        try:
            result = operators.take_slice(container, low(frame), high(frame), step(frame))
        except BuildError as error:
            raise unit.place(error, node) from None
        charge(frame, result, unit, node)
        return result

    return run


EXPRESSIONS: Mapping[type, Callable[[Unit, Any], Run]] = {
    syntax.Name: _name,
    syntax.Literal: _literal,
    syntax.Sequence: _sequence,
    syntax.Mapping: _mapping,
    syntax.Unary: compile_unary,
    syntax.Binary: compile_binary,
    syntax.Conditional: _conditional,
    syntax.Lambda: compile_lambda,
    syntax.Invocation: compile_invocation,
    syntax.Dot: _dot,
    syntax.Index: _index,
    syntax.Slice: _slice,
    syntax.Comprehension: compile_comprehension,
}
