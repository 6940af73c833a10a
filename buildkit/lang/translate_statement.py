"""Statements → Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from buildkit.lang import syntax, translate_expression, translate_loop, translate_operators
from buildkit.lang.translate_loop import assign_to, variable
from buildkit.lang.translation import Operand, Translator, Writer

_CASES = 20  # more of them would be a deep tree for Python's compiler


def _evaluation(w: Writer, node: syntax.Evaluation) -> None:
    if type(node.value) is not syntax.Literal:
        value = w.expression(node.value, "_")
        if value.text != "_":
            w.line(value.text, node.value)


def _assignment(w: Writer, node: syntax.Assignment) -> None:
    target, value = node.target, node.value
    if type(target) is syntax.Name:
        w.assign(value, variable(w, target))
    elif _is_swap(target, value):
        texts = [w.expression(item).text for item in value.items]  # type: ignore[union-attr]
        names = [variable(w, item) for item in target.items]  # type: ignore[union-attr, arg-type]
        w.line(f"{', '.join(names)}, = {', '.join(texts)},", node.value)
    else:
        assign_to(w, target, w.expression(value), node)


def _is_swap(target: Any, value: Any) -> bool:
    """Whether it is `a, b = x, y`."""
    both = type(target) is syntax.Sequence and type(value) is syntax.Sequence
    return both and len(target.items) == len(value.items) > 0 and all(type(one) is syntax.Name for one in target.items)


def _augmented(w: Writer, node: syntax.Augmented) -> None:
    target = node.target
    if type(target) is syntax.Name:
        current = w.expression(target)
        value = w.expression(node.value)
        result = translate_operators.operation(w, node.operator, current, value, node, current.text, update=True)
        if result.text != current.text:
            w.line(f"{current.text} = {result.text}", node)
    elif type(target) is syntax.Index:
        _augmented_item(w, node, target)
    elif type(target) is syntax.Dot:
        _augmented_field(w, node, target)


def _augmented_field(w: Writer, node: syntax.Augmented, target: syntax.Dot) -> None:
    owner, current = w.temporary(), w.temporary()
    w.line(f"{owner} = {w.expression(target.value).text}", target)
    w.line(f"{current} = attribute({owner}, {target.name!r})", target)
    value = w.expression(node.value)
    result = translate_operators.operation(w, node.operator, Operand(current), value, node, None, update=True)
    w.line(f"set_field({owner}, {target.name!r}, {result.text})", target)


def _augmented_item(w: Writer, node: syntax.Augmented, target: syntax.Index) -> None:
    container = w.expression(target.value)
    key = w.expression(target.key)
    current = w.temporary()
    w.line(f"{current} = {translate_expression.lookup(container, key)}", target, "index", container.text, key.text)
    kind = w.inference.kind(target)
    value = w.expression(node.value)
    result = translate_operators.operation(w, node.operator, Operand(current, kind), value, node, None, update=True)
    translate_loop.store_item(w, container, key, result, target)


def _return(w: Writer, node: syntax.Return) -> None:
    value = w.expression(node.value).text if node.value is not None else "None"
    if not value.isalnum() and (w.marked or any(w.guards)):
        value = w.store(value, node, None)
    for guarded in reversed(w.guards):
        if guarded:
            w.line(f"release({guarded})", node)
    if w.marked and w.code is not None:
        w.line(f"del A[{w.code.key}]", node)
    w.line(f"return {value}", node)


def _jump(w: Writer, node: syntax.Jump) -> None:
    w.line(node.keyword, node)


def _loop(w: Writer, node: syntax.Loop) -> None:
    with translate_loop.loop(w, node.target, node.iterable):
        w.statements(node.body)


def _branch(w: Writer, node: syntax.Branch) -> None:
    (condition, body), *others = node.branches
    if not others:
        _either(w, condition, body, node.otherwise)
        return
    chosen = ""
    if len(others) > _CASES or not all(translate_operators.inline(w, test) for test, _ in others):
        chosen = w.temporary()
        w.line(f"{chosen} = True", condition)
    for number, (test, part) in enumerate(node.branches):
        _case(w, number, test, part, chosen)
    if node.otherwise:
        with w.block(f"if {chosen}:" if chosen else "else:", condition):
            w.statements(node.otherwise)


def _either(w: Writer, condition: Any, body: Sequence[Any], otherwise: Sequence[Any]) -> None:
    with w.block(f"if {translate_operators.truth(w, condition)}:", condition):
        w.statements(body)
    if otherwise:
        with w.block("else:", condition):
            w.statements(otherwise)


def _case(w: Writer, number: int, test: Any, body: Sequence[Any], chosen: str) -> None:
    """One of several branches; they stand side by side where a condition needs lines of its own."""
    if not chosen:
        with w.block(f"{'elif' if number else 'if'} {translate_operators.truth(w, test)}:", test):
            w.statements(body)
        return
    with w.block(f"if {chosen}:", test), w.block(f"if {translate_operators.truth(w, test)}:", test):
        w.line(f"{chosen} = False", test)
        w.statements(body)


STATEMENTS: dict[type, Translator] = {
    syntax.Evaluation: _evaluation,
    syntax.Assignment: _assignment,
    syntax.Augmented: _augmented,
    syntax.Return: _return,
    syntax.Jump: _jump,
    syntax.Loop: _loop,
    syntax.Branch: _branch,
}
