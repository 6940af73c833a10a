"""Statements → Python closures over the slots of a frame.

A statement's closure gives None, or a signal that ends the block it stands in: `BREAK`, `CONTINUE`, or a tuple that
holds what the function returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import operators, syntax
from buildkit.lang.compilation import Frame, Run, Unit
from buildkit.lang.compile_calls import compile_function
from buildkit.lang.compile_targets import compile_target
from buildkit.lang.limits import check_elements
from buildkit.lang.values import Dict, List

BREAK, CONTINUE = "break", "continue"


def compile_block(unit: Unit, statements: Sequence[Any]) -> Run:
    """The closure that runs statements one after the other."""
    runs = [_COMPILERS[type(node)](unit, node) for node in statements]
    runs = [run for run in runs if run is not None]
    if len(runs) == 1:
        return runs[0]  # type: ignore[no-any-return]

    def run_block(frame: Frame) -> Any:
        for run in runs:
            signal = run(frame)
            if signal is not None:
                return signal
        return None

    return run_block


def _evaluation(unit: Unit, node: syntax.Evaluation) -> Run | None:
    if type(node.value) is syntax.Literal:
        return None
    value = unit.compile(node.value)

    def run(frame: Frame) -> None:
        value(frame)

    return run


def _assignment(unit: Unit, node: syntax.Assignment) -> Run:
    value, store = unit.compile(node.value), compile_target(unit, node.target)

    def run(frame: Frame) -> None:
        store(frame, value(frame))

    return run


def _augmented(unit: Unit, node: syntax.Augmented) -> Run:
    target = node.target
    if isinstance(target, syntax.Index):
        return _augmented_index(unit, node, target)
    if isinstance(target, syntax.Dot):
        assign = compile_target(unit, target)
        return lambda frame: assign(frame, None)
    load, value = unit.compile(target), unit.compile(node.value)
    store = compile_target(unit, target)
    combine = _in_place(unit, node)

    def run(frame: Frame) -> None:
        current = load(frame)
        store(frame, combine(frame, current, value(frame)))

    return run


def _augmented_index(unit: Unit, node: syntax.Augmented, target: syntax.Index) -> Run:
    container, key = unit.compile(target.value), unit.compile(target.key)
    value, combine = unit.compile(node.value), _in_place(unit, node)

    def run(frame: Frame) -> None:
        owner, place = container(frame), key(frame)
        try:
            current = operators.index(owner, place)
            result = combine(frame, current, value(frame))
            operators.store(owner, place, result)
        except BuildError as error:
            raise unit.place(error, target) from None

    return run


def _in_place(unit: Unit, node: syntax.Augmented) -> Any:
    """`+=` on a list and `|=` on a dict change it; all else makes a new value."""
    operator = node.operator
    general = operators.BINARY[operator]

    def combine(frame: Frame, current: Any, value: Any) -> Any:
        try:
            if operator == "+" and type(current) is List and not hasattr(value, "operate"):
                current.check_mutable("extend")
                added = operators.addend(current, value)
                frame[0].charge(len(added))
                check_elements(len(current.items) + len(added))
                current.items += added
                return current
            if operator == "|" and type(current) is Dict and type(value) is Dict:
                current.check_mutable("insert into")
                current.entries.update(value.entries)
                return current
            result: Any = general(current, value)
            if type(result) in (str, bytes, tuple):
                frame[0].charge(len(result) >> 4)
            return result
        except BuildError as error:
            raise unit.place(error, node) from None

    return combine


def _return(unit: Unit, node: syntax.Return) -> Run:
    if node.value is None:
        return lambda frame: (None,)
    value = unit.compile(node.value)
    return lambda frame: (value(frame),)


def _jump(unit: Unit, node: syntax.Jump) -> Run | None:
    if node.keyword == "pass":
        return None
    signal = BREAK if node.keyword == "break" else CONTINUE
    return lambda frame: signal


def _loop(unit: Unit, node: syntax.Loop) -> Run:
    iterable, store = unit.compile(node.iterable), compile_target(unit, node.target)
    body = compile_block(unit, node.body)

    def run(frame: Frame) -> Any:
        source = iterable(frame)
        thread = frame[0]
        try:
            values = operators.elements(source)
        except BuildError as error:
            raise unit.place(error, node.iterable) from None
        guarded = type(source) is List or type(source) is Dict
        if guarded:
            source.iterating += 1
        try:
            for value in values:
                thread.steps += 1
                if thread.steps > thread.limit:
                    raise BuildError(
                        f"evaluation takes too many steps: the bound is {thread.limit}", span=unit.span(node.iterable)
                    )
                store(frame, value)
                signal = body(frame)
                if signal is not None and signal is not CONTINUE:
                    return None if signal is BREAK else signal
            return None
        finally:
            if guarded:
                source.iterating -= 1

    return run


def _branch(unit: Unit, node: syntax.Branch) -> Run:
    branches = [(unit.compile(test), compile_block(unit, body)) for test, body in node.branches]
    otherwise = compile_block(unit, node.otherwise)
    if len(branches) == 1:
        condition, then = branches[0]
        return lambda frame: then(frame) if condition(frame) else otherwise(frame)

    def run(frame: Frame) -> Any:
        for test, body in branches:
            if test(frame):
                return body(frame)
        return otherwise(frame)

    return run


def _definition(unit: Unit, node: syntax.Definition) -> Run:
    make = compile_function(unit, node, node.name.name, compile_block(unit, node.body), _doc(node))
    store = compile_target(unit, node.name)

    def run(frame: Frame) -> None:
        store(frame, make(frame))

    return run


def _doc(node: syntax.Definition) -> str:
    first = node.body[0]
    if isinstance(first, syntax.Evaluation) and isinstance(first.value, syntax.Literal):
        return first.value.value if isinstance(first.value.value, str) else ""
    return ""


_COMPILERS: dict[type, Any] = {
    syntax.Evaluation: _evaluation,
    syntax.Assignment: _assignment,
    syntax.Augmented: _augmented,
    syntax.Return: _return,
    syntax.Jump: _jump,
    syntax.Loop: _loop,
    syntax.Branch: _branch,
    syntax.Definition: _definition,
}
