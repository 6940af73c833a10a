# ruff: noqa: D102 - a method of Builder is the rule of its name in the grammar, and nothing more
"""What the parser reduces → syntax tree: one method for each rule of the grammar.

A method is given the rule's parts: finished nodes, and tokens as their numbers. Rules whose names start with '_' have
no method: they are lists of parts, without the tokens that only separate. Binary operators arrive as one flat list and
are grouped by precedence here.
"""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import literals, syntax
from buildkit.lang.build_checks import check_arguments, check_parameters, check_postfix, check_target, describe
from buildkit.lang.scanner import NAMES, ScanError, Tokens

_PRECEDENCE = {
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "in", "not in"), 0),
    "|": 1,
    "^": 2,
    "&": 3,
    **dict.fromkeys(("<<", ">>"), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "//", "%"), 6),
}

Parts = list[Any]

_new: Any = tuple.__new__  # a node's own constructor takes twice the time


def _nodes(parts: Parts) -> tuple[Any, ...]:
    return tuple([part for part in parts if type(part) is not int])


class Builder:
    """The methods that the parser calls; each has the name of its rule in the grammar."""

    __slots__ = ("_starts", "_texts")

    def __init__(self, tokens: Tokens) -> None:
        self._texts = tokens.texts
        self._starts = tokens.starts

    def text(self, token: int) -> str:
        """The text of a token: a name or an operator."""
        return NAMES[self._texts[token]]

    def start(self, part: Any) -> int:
        """Where a token or node starts."""
        return self._starts[part] if type(part) is int else part.start

    def end(self, part: Any) -> int:
        """Where a token or node ends."""
        return self._starts[part] + len(NAMES[self._texts[part]]) if type(part) is int else part.end

    def file(self, parts: Parts) -> tuple[Any, ...]:
        return _nodes(parts)

    suite = file

    def expression(self, parts: Parts) -> Any:
        return _new(syntax.Evaluation, (parts[0].start, parts[0].end, parts[0]))

    def assignment(self, parts: Parts) -> Any:
        target, _, value = parts
        check_target(target)
        return syntax.Assignment(target.start, value.end, target, value)

    def augmented(self, parts: Parts) -> Any:
        target, operator, value = parts
        if type(target) not in (syntax.Name, syntax.Index, syntax.Dot):
            raise ScanError(
                f"augmented assignment needs one target, found {describe(target)}", target.start, target.end
            )
        check_target(target)
        return syntax.Augmented(target.start, value.end, self.text(operator)[:-1], target, value)

    def return_(self, parts: Parts) -> Any:
        return syntax.Return(self.start(parts[0]), self.end(parts[-1]), parts[1] if len(parts) > 1 else None)

    def jump(self, parts: Parts) -> Any:
        return syntax.Jump(self.start(parts[0]), self.end(parts[0]), self.text(parts[0]))

    def load(self, parts: Parts) -> Any:
        module, *names = _nodes(parts)
        start, end = self.start(parts[0]), self.end(parts[-1])
        if module.local:
            raise ScanError("the first argument of load() must be a module's name", module.start, module.end)
        if not names:
            raise ScanError("load() names nothing to load", start, end, 'write load("file.bzl", "name")')
        named = tuple(name if name.local else name._replace(local=name.original) for name in names)
        for name in named:
            if not name.local.isidentifier():
                raise ScanError(f"load() needs a name, found {name.local!r}", name.start, name.end)
        return syntax.Load(start, end, syntax.Literal(module.start, module.end, module.original), named)

    def load_name(self, parts: Parts) -> Any:
        last = parts[-1]
        text = literals.string(self._texts[last], self._starts[last])
        local = self.text(parts[0]) if len(parts) > 1 else ""
        return syntax.LoadName(self.start(parts[0]), self.end(last), local, text)

    def function(self, parts: Parts) -> Any:
        name = self.name([parts[1]])
        *parameters, body = _nodes(parts)
        check_parameters(parameters)
        return syntax.Definition(self.start(parts[0]), body[-1].end, name, tuple(parameters), body)

    def loop(self, parts: Parts) -> Any:
        target, iterable, body = _nodes(parts)
        return syntax.Loop(self.start(parts[0]), body[-1].end, target, iterable, body)

    def branch(self, parts: Parts) -> Any:
        nodes = _nodes(parts)
        paired = len(nodes) // 2 * 2
        branches = tuple((nodes[index], nodes[index + 1]) for index in range(0, paired, 2))
        otherwise = nodes[-1] if len(nodes) > paired else ()
        return syntax.Branch(self.start(parts[0]), nodes[-1][-1].end, branches, otherwise)

    def parameter(self, parts: Parts) -> Any:
        start, end, first = self.start(parts[0]), self.end(parts[-1]), self.text(parts[0])
        if first in ("*", "**"):
            return syntax.Parameter(start, end, first, self.text(parts[1]) if len(parts) > 1 else "", None)
        return syntax.Parameter(start, end, "", first, parts[2] if len(parts) > 1 else None)

    def targets(self, parts: Parts) -> Any:
        target = parts[0]
        if len(parts) > 1:
            target = syntax.Sequence(parts[0].start, self.end(parts[-1]), "tuple", _nodes(parts))
        check_target(target)
        return target

    def expressions(self, parts: Parts) -> Any:
        comma = parts[-1]
        if type(comma) is int:
            raise ScanError(
                "a tuple that ends with ',' needs parentheses", self.start(comma), self.end(comma), "write '(x,)'"
            )
        return syntax.Sequence(parts[0].start, parts[-1].end, "tuple", _nodes(parts))

    def conditional(self, parts: Parts) -> Any:
        then, _, condition, _, otherwise = parts
        return syntax.Conditional(then.start, otherwise.end, condition, then, otherwise)

    def lambda_(self, parts: Parts) -> Any:
        *parameters, body = _nodes(parts)
        check_parameters(parameters)
        return syntax.Lambda(self.start(parts[0]), body.end, tuple(parameters), body)

    def logical(self, parts: Parts) -> Any:
        # 'and' binds tighter than 'or'.
        groups: list[list[Any]] = [[parts[0]]]
        for index in range(1, len(parts), 2):
            if self.text(parts[index]) == "or":
                groups.append([])
            groups[-1].append(parts[index + 1])
        return _chain("or", [_chain("and", group) for group in groups])

    def unary(self, parts: Parts) -> Any:
        return syntax.Unary(self.start(parts[0]), parts[1].end, self.text(parts[0]), parts[1])

    def binary(self, parts: Parts) -> Any:
        operators, operands = [], [parts[0]]
        index = 1
        while index < len(parts):
            operator = self.text(parts[index])
            if operator == "not":
                operator, index = "not in", index + 1
            operators.append(operator)
            operands.append(parts[index + 1])
            index += 2
        if len(operators) == 1:
            return syntax.Binary(parts[0].start, parts[-1].end, tuple(operators), tuple(operands))
        return _group(operators, operands)

    def dot(self, parts: Parts) -> Any:
        value, _, name = parts
        check_postfix(value)
        return syntax.Dot(value.start, self.end(name), value, self.text(name), self.start(name))

    def call(self, parts: Parts) -> Any:
        function = parts[0]
        if type(function) is not syntax.Name:
            check_postfix(function)
        given = parts[2] if len(parts) > 3 else ()
        arguments = tuple(
            [
                part if type(part) is syntax.Argument else _new(syntax.Argument, (part[0], part[1], "", "", part))
                for part in given
            ]
        )
        check_arguments(arguments)
        return _new(syntax.Invocation, (function[0], self._starts[parts[-1]] + 1, function, arguments))

    def special_argument(self, parts: Parts) -> Any:
        first, value = parts[0], parts[-1]
        name = NAMES[self._texts[first]]
        if len(parts) == 3:
            return _new(syntax.Argument, (self._starts[first], value[1], "=", name, value))
        return syntax.Argument(self._starts[first], value.end, name, "", value)

    def index(self, parts: Parts) -> Any:
        check_postfix(parts[0])
        key = parts[2]
        if len(parts) > 4:
            items = _nodes(parts[2:-1])
            key = syntax.Sequence(items[0].start, items[-1].end, "tuple", items)
        return syntax.Index(parts[0].start, self.end(parts[-1]), parts[0], key)

    def slice(self, parts: Parts) -> Any:
        check_postfix(parts[0])
        bounds: list[Any] = [None]
        for part in parts[2:-1]:
            if type(part) is int:
                bounds.append(None)
            else:
                bounds[-1] = part
        low, high, step = (*bounds, None)[:3]
        return syntax.Slice(parts[0].start, self.end(parts[-1]), parts[0], low, high, step)

    def name(self, parts: Parts) -> Any:
        token = parts[0]
        start, name = self._starts[token], NAMES[self._texts[token]]
        return _new(syntax.Name, (start, start + len(name), name))

    def integer(self, parts: Parts) -> Any:
        start, end, text = self.start(parts[0]), self.end(parts[0]), self.text(parts[0])
        try:
            value = literals.integer(text, start)
        except BuildError as error:
            raise ScanError(error.message, start, end, error.hint) from None
        return syntax.Literal(start, end, value)

    def float(self, parts: Parts) -> Any:
        start, end = self.start(parts[0]), self.end(parts[0])
        return syntax.Literal(start, end, literals.floating(self.text(parts[0]), start))

    def string(self, parts: Parts) -> Any:
        token = parts[0]
        start, text = self._starts[token], self._texts[token]
        if text[0] != '"' or text[1] == '"' or "\\" in text:
            return _new(syntax.Literal, (start, start + len(text), literals.string(text, start)))
        return _new(syntax.Literal, (start, start + len(text), text[1:-1]))

    def bytes(self, parts: Parts) -> Any:
        start, end = self.start(parts[0]), self.end(parts[0])
        return syntax.Literal(start, end, literals.byte_string(self._texts[parts[0]], start))

    def parenthesised(self, parts: Parts) -> Any:
        given = parts[1] if len(parts) == 3 else []
        if len(given) == 1:
            return given[0]
        return syntax.Sequence(self.start(parts[0]), self.end(parts[-1]), "tuple", _nodes(given))

    def list(self, parts: Parts) -> Any:
        items = parts[1] if len(parts) == 3 else []
        if items and type(items[-1]) is int:
            items.pop()
        return _new(syntax.Sequence, (self._starts[parts[0]], self._starts[parts[-1]] + 1, "list", tuple(items)))

    def list_comprehension(self, parts: Parts) -> Any:
        return syntax.Comprehension(self.start(parts[0]), self.end(parts[-1]), None, parts[1], tuple(parts[2:-1]))

    def dict(self, parts: Parts) -> Any:
        entries = tuple(parts[1]) if len(parts) == 3 else ()
        return syntax.Mapping(self.start(parts[0]), self.end(parts[-1]), entries)

    def entry(self, parts: Parts) -> Any:
        return (parts[0], parts[2])

    def dict_comprehension(self, parts: Parts) -> Any:
        key, element = parts[1]
        return syntax.Comprehension(self.start(parts[0]), self.end(parts[-1]), key, element, tuple(parts[2:-1]))

    def clause(self, parts: Parts) -> Any:
        start, end = self.start(parts[0]), parts[-1].end
        if len(parts) == 2:
            return syntax.IfClause(start, end, parts[1])
        return syntax.ForClause(start, end, parts[1], parts[3])


def _chain(operator: str, operands: Parts) -> Any:
    if len(operands) == 1:
        return operands[0]
    return syntax.Binary(operands[0].start, operands[-1].end, (operator,) * (len(operands) - 1), tuple(operands))


def _group(operators: list[str], operands: Parts) -> Any:
    """Group by the loosest operator present; what stands between its places is grouped in turn."""
    loosest = min(_PRECEDENCE[operator] for operator in operators)
    places = [index for index, operator in enumerate(operators) if _PRECEDENCE[operator] == loosest]
    if loosest == 0 and len(places) > 1:
        second = operands[places[1]]
        raise ScanError(
            f"comparisons cannot be chained: found '{operators[places[1]]}' after '{operators[places[0]]}'",
            operands[0].start,
            operands[-1].end if len(operands) else second.end,
            "join them with 'and'",
        )
    parts, begin = [], 0
    for place in [*places, len(operators)]:
        inner = operators[begin:place]
        parts.append(_group(inner, operands[begin : place + 1]) if inner else operands[begin])
        begin = place + 1
    return syntax.Binary(parts[0].start, parts[-1].end, tuple(operators[place] for place in places), tuple(parts))
