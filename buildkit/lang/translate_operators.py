"""Operators → Python: directly where the kinds of values are known or tested in the same line, else by `runtime`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from buildkit.lang import syntax
from buildkit.lang.inference import BIG, STEPS_BITS, Kind, combine, is_int
from buildkit.lang.runtime import COMPARISONS, LONG, OPERATORS
from buildkit.lang.translation import Operand, Translator, Writer

SMALL = (1 << 63) - 1
TINY = (1 << 30) - 1  # what Python compares quickest
_LONGEST = 160  # characters of text that an operand may have before it becomes a variable
_DEEP = 6
_PLACEHOLDERS = 8  # more could make a string far beyond the bound, before it is checked
_PLACEHOLDER = re.compile(r"%.?", re.DOTALL)


def _unary(w: Writer, node: syntax.Unary, into: str | None) -> Operand:
    """`not x`, `-x`, `+x`, `~x`."""
    if node.operator == "not":
        return Operand(w.store(f"not {truth(w, node.operand)}", node, into), "bool")
    value = w.expression(node.operand)
    if is_int(value.kind) and value.kind != BIG and node.operator in "+-" and len(value.text) < _LONGEST:
        return Operand(f"({node.operator}{value.text})", value.kind)
    text = f'unary("{node.operator}", {value.text})'
    if value.kind is None and node.operator == "-":
        text = f"-{value.text} if type({value.text}) is int else {text}"
    return Operand(w.store(text, node, into), w.inference.kind(node))


def _binary(w: Writer, node: syntax.Binary, into: str | None) -> Operand:
    """One operation, or a chain of them."""
    if node.operators[0] in ("and", "or"):
        return _logical(w, node)
    left = w.expression(node.operands[0])
    last = len(node.operators) - 1
    for number, operator in enumerate(node.operators):
        operand = node.operands[number + 1]
        right = w.expression(operand)
        part = node._replace(end=operand.end)
        left = operation(w, operator, left, right, part, into if number == last else None)
    return left


def _logical(w: Writer, node: syntax.Binary) -> Operand:
    conjunction = node.operators[0] == "and"
    name, kind = w.temporary(), w.inference.kind(node)
    for number, operand in enumerate(node.operands):
        if number == 0:
            w.assign(operand, name)
        else:
            with w.block(f"if {name}:" if conjunction else f"if not {name}:", node):
                w.assign(operand, name)
    return Operand(name, kind)


def operation(
    w: Writer, operator: str, left: Operand, right: Operand, node: Any, into: str | None, *, update: bool = False
) -> Operand:
    """One binary operation; `update` where it is `left operator= right`."""
    if operator in COMPARISONS:
        text, sure = comparison(operator, left, right)
        return Operand(text if sure else w.store(text, node, into), "bool")
    kind = combine(operator, left.kind, right.kind)
    if is_int(left.kind) and is_int(right.kind):
        return _integers(w, operator, left, right, kind, node, into)
    if operator == "%" and type(node) is syntax.Binary and len(node.operators) == 1 and right.kind != "dict":
        parts = right.parts or ((right,) if right.kind != "tuple" else ())
        formatted = format_text(w, node.operands[0], parts, f"modulo(T, {left.text}, {right.text})", node, into)
        if formatted:
            return Operand(formatted, "string")
    name = into or w.temporary()
    general = f"{OPERATORS[operator]}(T, {left.text}, {right.text})"
    if update and not _immutable(left.kind):
        general = f'augment(T, "{operator}", {left.text}, {right.text})'
    if operator == "+" and left.kind == right.kind == "string":
        w.line(f"{name} = {left.text} + {right.text}", node)
        w.line(f"if len({name}) > {LONG}: longer(T, {name})", node)
        return Operand(name, kind)
    tests = [f"type({text}) is int" for text in dict.fromkeys(one.text for one in (left, right) if one.kind is None)]
    if operator in ("+", "-", "*", "//", "%") and tests and _may_be_int(left) and _may_be_int(right):
        with w.block(f"if {' and '.join(tests)}:", node):
            _tested(w, name, operator, left, right, node)
        w.line(f"else: {name} = {general}", node)
        return Operand(name, kind)
    w.line(f"{name} = {general}", node)
    return Operand(name, kind)


def format_text(
    w: Writer, pattern: Any, parts: Sequence[Operand], general: str, node: Any, into: str | None, *again: str
) -> str:
    """`pattern % parts` of a literal that Python formats as Starlark does: it has %s and %d only; else ''."""
    if type(pattern) is not syntax.Literal or type(pattern.value) is not str:
        return ""
    codes = _PLACEHOLDER.findall(pattern.value)
    if len(codes) != len(parts) or len(codes) > _PLACEHOLDERS or not all(code in ("%s", "%d") for code in codes):
        return ""
    tests = [
        f"type({part.text}) is int" if code == "%d" else f"(type({part.text}) is str or type({part.text}) is int)"
        for code, part in zip(codes, parts, strict=True)
        if not is_int(part.kind) and not (part.kind == "string" and code == "%s")
    ]
    values = ", ".join(part.text for part in parts)
    text = f"{w.expression(pattern).text} % ({values},)" if parts else w.expression(pattern).text
    if tests:
        text = f"{text} if {' and '.join(tests)} else {general}"
    name = w.store(text, node, into, *again)
    w.line(f"if len({name}) > {LONG}: longer(T, {name})", node)
    return name


def _immutable(kind: Kind) -> bool:
    return is_int(kind) or kind in ("string", "float", "bool", "tuple")


def _may_be_int(operand: Operand) -> bool:
    return operand.kind is None or is_int(operand.kind)


def _tested(w: Writer, name: str, operator: str, left: Operand, right: Operand, node: Any) -> None:
    """An operation on values that are known to be integers by now."""
    w.line(f"{name} = {left.text} {operator} {right.text}", node, OPERATORS[operator], "T", left.text, right.text)
    if operator == "*" or (operator in ("+", "-") and not (_is_small(left) or _is_small(right))):
        _bound(w, name, node)


def _is_small(operand: Operand) -> bool:
    """Whether adding it, as often as steps allow, adds next to nothing to an integer at the bound."""
    return type(operand.kind) is int and operand.kind <= STEPS_BITS


def _bound(w: Writer, name: str, node: Any) -> None:
    tiny = f"{name} > {TINY} or {name} < {-TINY}"
    w.line(f"if ({tiny}) and ({name} > {SMALL} or {name} < {-SMALL}): check_integer({name})", node)


def _integers(
    w: Writer, operator: str, left: Operand, right: Operand, kind: Kind, node: Any, into: str | None
) -> Operand:
    text = f"({left.text} {operator} {right.text})"
    sure = operator in ("+", "-", "*", "&", "|", "^") and kind != BIG
    if operator in ("//", "%"):
        sure = right.text.isdigit() and right.text.strip("0") != ""
    if sure and len(text) < _LONGEST:
        return Operand(text, kind)
    name = into or w.temporary()
    if sure:
        w.line(f"{name} = {text}", node)
    elif operator in ("+", "-", "*", "//", "%"):
        _tested(w, name, operator, left, right, node)
    else:
        w.line(f"{name} = {OPERATORS[operator]}(T, {left.text}, {right.text})", node)
    return Operand(name, kind)


def comparison(operator: str, left: Operand, right: Operand) -> tuple[str, bool]:
    """The text of a comparison, and whether it cannot fail."""
    if operator in ("==", "!="):
        return _equality(operator, left, right)
    if operator in ("in", "not in"):
        return _membership(operator, left, right), False
    plain = f"{left.text} {operator} {right.text}"
    if (is_int(left.kind) and is_int(right.kind)) or left.kind == right.kind == "string":
        return f"({plain})", True
    general = f"{OPERATORS[operator]}({left.text}, {right.text})"
    tests = [f"type({text}) is int" for text in dict.fromkeys(one.text for one in (left, right) if one.kind is None)]
    if tests and _may_be_int(left) and _may_be_int(right):
        return f"({plain} if {' and '.join(tests)} else {general})", False
    return f"{general}", False


def _equality(operator: str, left: Operand, right: Operand) -> tuple[str, bool]:
    plain = f"{left.text} {operator} {right.text}"
    kinds = (left.kind, right.kind)
    if "string" in kinds or kinds == ("bool", "bool") or all(map(is_int, kinds)):
        return f"({plain})", True
    for one, other in ((left, right), (right, left)):
        if one.text == "None":
            return f"({other.text} is {'' if operator == '==' else 'not '}None)", True
        if is_int(one.kind) and other.kind is None:
            if operator == "==":
                return f"({plain} and type({other.text}) is not bool)", True
            return f"({plain} or type({other.text}) is bool)", True
    general = f"{OPERATORS[operator]}({left.text}, {right.text})"
    if left.kind is None and right.kind is None:
        same = f"type({left.text}) is str or type({left.text}) is int is type({right.text})"
        return f"({plain} if {same} else {general})", False
    return general, False


def _membership(operator: str, left: Operand, right: Operand) -> str:
    general = f"{OPERATORS[operator]}({left.text}, {right.text})"
    if left.kind is not None and not is_int(left.kind) and left.kind != "string":
        return general
    entries = f"{left.text} {operator} ({right.text}).entries"
    plain = left.kind is not None
    if left.kind == "string" and right.kind in (None, "string"):
        text = f"{left.text} {operator} {right.text}"
        if right.kind == "string":
            return f"({text})"
        return f"({text} if type({right.text}) is str else {entries} if type({right.text}) is Dict else {general})"
    if right.kind == "dict" and plain:
        return f"({entries})"
    tests = [] if right.kind == "dict" else [f"type({right.text}) is Dict"]
    if not plain:
        tests.append(f"(type({left.text}) is str or type({left.text}) is int)")
    return f"({entries} if {' and '.join(tests)} else {general})"


def truth(w: Writer, node: Any) -> str:
    """The text of a condition, good for one line right after; what it needs is written before."""
    negated = False
    while type(node) is syntax.Unary and node.operator == "not":  # Python nests brackets to 200 levels
        node, negated = node.operand, not negated
    return f"(not {_truth(w, node)})" if negated else _truth(w, node)


def _truth(w: Writer, node: Any) -> str:
    if _is_comparison(node):
        left = w.expression(node.operands[0])
        right = w.expression(node.operands[1])
        return comparison(node.operators[0], left, right)[0]
    if type(node) is syntax.Binary and node.operators[0] in ("and", "or") and _sure(w, node):
        return "(" + f" {node.operators[0]} ".join(truth(w, operand) for operand in node.operands) + ")"
    value = w.expression(node)
    return f"{value.text}.items" if value.kind == "list" else value.text


def inline(w: Writer, node: Any) -> bool:
    """Whether a condition needs no line of its own."""
    if type(node) is syntax.Unary and node.operator == "not":
        return inline(w, node.operand)
    if _is_comparison(node):
        return all(_flat(w, operand) for operand in node.operands)
    return _sure(w, node)


def _is_comparison(node: Any) -> bool:
    return type(node) is syntax.Binary and node.operators[0] in COMPARISONS and len(node.operators) == 1


def _sure(w: Writer, node: Any, depth: int = 0) -> bool:
    """Whether a condition needs no line of its own and cannot fail."""
    if depth > _DEEP:
        return False
    if type(node) is syntax.Unary:
        return node.operator == "not" and _sure(w, node.operand, depth + 1)
    if type(node) is syntax.Binary and node.operators[0] in ("and", "or"):
        return all(_sure(w, operand, depth + 1) for operand in node.operands)
    if _is_comparison(node):
        return all(_flat(w, operand, depth + 1) for operand in node.operands) and _sure_comparison(w, node)
    return _flat(w, node, depth + 1)


def _flat(w: Writer, node: Any, depth: int = 0) -> bool:
    """Whether an operand needs no line of its own."""
    if type(node) is syntax.Name or type(node) is syntax.Literal:
        return True
    if type(node) is not syntax.Binary or len(node.operators) > 1 or depth > _DEEP:
        return False
    operator, (left, right) = node.operators[0], map(w.inference.kind, node.operands)
    if not (is_int(left) and is_int(right)) or combine(operator, left, right) == BIG:
        return False
    divisor = node.operands[1]
    if operator in ("//", "%") and not (type(divisor) is syntax.Literal and divisor.value):
        return False
    return operator in ("+", "-", "*", "//", "%") and all(_flat(w, operand, depth + 1) for operand in node.operands)


def _sure_comparison(w: Writer, node: syntax.Binary) -> bool:
    left, right = (Operand(_shown(operand), w.inference.kind(operand)) for operand in node.operands)
    return comparison(node.operators[0], left, right)[1]


def _shown(node: Any) -> str:
    return "None" if type(node) is syntax.Name and node.name == "None" else "x"


EXPRESSIONS: dict[type, Translator] = {syntax.Unary: _unary, syntax.Binary: _binary}
