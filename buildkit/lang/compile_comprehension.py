"""Comprehensions → closures: one loop inside the other, the innermost adds to the result."""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import operators, syntax
from buildkit.lang.compilation import Frame, Run, Store, Unit
from buildkit.lang.compile_targets import compile_target
from buildkit.lang.values import Dict, List, to_key


def compile_comprehension(unit: Unit, node: syntax.Comprehension) -> Run:
    """A list or dict made by loops."""
    element = unit.compile(node.element)
    if node.key is None:

        def emit_item(frame: Frame, result: Any) -> None:
            result.items.append(element(frame))

        loop = _clauses(unit, node, 0, emit_item)

        def run_list(frame: Frame) -> Any:
            result = List([])
            loop(frame, result)
            return result

        return run_list
    key, key_node = unit.compile(node.key), node.key

    def emit_entry(frame: Frame, result: Any) -> None:
        name = key(frame)
        try:
            token = to_key(name)
        except BuildError as error:
            raise unit.place(error, key_node) from None
        result.entries[token] = element(frame)

    fill = _clauses(unit, node, 0, emit_entry)

    def run_dict(frame: Frame) -> Any:
        result = Dict()
        fill(frame, result)
        return result

    return run_dict


def _clauses(unit: Unit, node: syntax.Comprehension, number: int, emit: Store) -> Store:
    if number == len(node.clauses):
        return emit
    clause = node.clauses[number]
    inner = _clauses(unit, node, number + 1, emit)
    if isinstance(clause, syntax.IfClause):
        condition = unit.compile(clause.condition)

        def choose(frame: Frame, result: Any) -> None:
            if condition(frame):
                inner(frame, result)

        return choose
    target = compile_target(unit, clause.target)
    iterable, iterable_node = unit.compile(clause.iterable), clause.iterable

    def loop(frame: Frame, result: Any) -> None:
        source = iterable(frame)
        thread = frame[0]
        try:
            values = operators.elements(source)
        except BuildError as error:
            raise unit.place(error, iterable_node) from None
        guarded = type(source) is List or type(source) is Dict
        if guarded:
            source.iterating += 1
        try:
            for value in values:
                thread.steps += 1
                if thread.steps > thread.limit:
                    raise BuildError(
                        f"evaluation takes too many steps: the bound is {thread.limit}", span=unit.span(node)
                    )
                target(frame, value)
                inner(frame, result)
        finally:
            if guarded:
                source.iterating -= 1

    return loop
