"""What is assigned to → closures that store."""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import operators, syntax
from buildkit.lang.compilation import Frame, Store, Unit
from buildkit.lang.resolver import Home
from buildkit.lang.values import Value, type_name


def compile_target(unit: Unit, node: Any) -> Store:
    """The closure that assigns to a target."""
    kind = type(node)
    if kind is syntax.Name:
        return _store_name(unit, node)
    if kind is syntax.Sequence:
        return _store_sequence(unit, node)
    if kind is syntax.Index:
        return _store_index(unit, node)
    return _store_field(unit, node)


def _store_name(unit: Unit, node: syntax.Name) -> Store:
    home, where = unit.resolution.bindings[node.start]
    if home is Home.GLOBAL:
        values = unit.globals

        def store_global(frame: Frame, value: Any) -> None:
            values[where] = value

        return store_global
    slot = where.slot
    if where.cell:

        def store_cell(frame: Frame, value: Any) -> None:
            frame[slot][0] = value

        return store_cell

    def store_local(frame: Frame, value: Any) -> None:
        frame[slot] = value

    return store_local


def _store_sequence(unit: Unit, node: syntax.Sequence) -> Store:
    targets = [compile_target(unit, item) for item in node.items]
    count = len(targets)

    def store(frame: Frame, value: Any) -> None:
        try:
            values = value if type(value) is tuple else _unpacked(value, count)
            if len(values) != count:
                few = "few" if len(values) < count else "many"
                raise BuildError(f"too {few} values to unpack: expected {count}, found {len(values)}")
        except BuildError as error:
            raise unit.place(error, node) from None
        for target, item in zip(targets, values, strict=True):
            target(frame, item)

    return store


def _unpacked(value: Value, count: int) -> list[Value]:
    if type(value) is str or type(value) is bytes:
        raise BuildError(f"value of type '{type_name(value)}' cannot be unpacked: expected {count} values")
    return operators.listed(value)


def _store_index(unit: Unit, node: syntax.Index) -> Store:
    container, key = unit.compile(node.value), unit.compile(node.key)

    def store(frame: Frame, value: Any) -> None:
        target, place_ = container(frame), key(frame)
        try:
            operators.store(target, place_, value)
        except BuildError as error:
            raise unit.place(error, node) from None

    return store


def _store_field(unit: Unit, node: syntax.Dot) -> Store:
    value = unit.compile(node.value)

    def store(frame: Frame, item: Any) -> None:
        kind = type_name(value(frame))
        raise BuildError(f"cannot assign to field '{node.name}' of a value of type '{kind}'", span=unit.span(node))

    return store
