# ruff: noqa: D102 - a method of Builder is the rule of its name in the grammar, and nothing more
"""What the parser reduces → syntax tree. lark calls one method for each rule, with tokens and finished nodes.

No tree of lark's is ever kept. Binary operators arrive as one flat list and are grouped by precedence here.
"""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import literals, syntax
from buildkit.lang.scanner import ScanError, Token

POSTFIX = 100

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


def _nodes(parts: Parts) -> tuple[Any, ...]:
    return tuple(part for part in parts if type(part) is not Token)


def _start(part: Any) -> int:
    return part.start_pos if type(part) is Token else part.start


def _end(part: Any) -> int:
    return part.end_pos if type(part) is Token else part.end


class Builder:
    """The methods that lark calls; each has the name of its rule in the grammar."""

    def file(self, parts: Parts) -> tuple[Any, ...]:
        return _nodes(parts)

    suite = file

    def expression(self, parts: Parts) -> Any:
        return syntax.Evaluation(parts[0].start, parts[0].end, parts[0])

    def assignment(self, parts: Parts) -> Any:
        target, _, value = parts
        _check_target(target)
        return syntax.Assignment(target.start, value.end, target, value)

    def augmented(self, parts: Parts) -> Any:
        target, operator, value = parts
        if type(target) not in (syntax.Name, syntax.Index, syntax.Dot):
            raise ScanError(
                f"augmented assignment needs one target, found {_describe(target)}", target.start, target.end
            )
        _check_target(target)
        return syntax.Augmented(target.start, value.end, operator.value[:-1], target, value)

    def return_(self, parts: Parts) -> Any:
        return syntax.Return(parts[0].start_pos, _end(parts[-1]), parts[1] if len(parts) > 1 else None)

    def jump(self, parts: Parts) -> Any:
        return syntax.Jump(parts[0].start_pos, parts[0].end_pos, parts[0].value)

    def load(self, parts: Parts) -> Any:
        module, *names = _nodes(parts)
        start, end = parts[0].start_pos, parts[-1].end_pos
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
        text = literals.string(parts[-1].value, parts[-1].start_pos)
        local = parts[0].value if len(parts) > 1 else ""
        return syntax.LoadName(parts[0].start_pos, parts[-1].end_pos, local, text)

    def function(self, parts: Parts) -> Any:
        name = syntax.Name(parts[1].start_pos, parts[1].end_pos, parts[1].value)
        *parameters, body = _nodes(parts)
        _check_parameters(parameters)
        return syntax.Definition(parts[0].start_pos, body[-1].end, name, tuple(parameters), body)

    def loop(self, parts: Parts) -> Any:
        target, iterable, body = _nodes(parts)
        return syntax.Loop(parts[0].start_pos, body[-1].end, target, iterable, body)

    def branch(self, parts: Parts) -> Any:
        nodes = _nodes(parts)
        paired = len(nodes) // 2 * 2
        branches = tuple((nodes[index], nodes[index + 1]) for index in range(0, paired, 2))
        otherwise = nodes[-1] if len(nodes) > paired else ()
        return syntax.Branch(parts[0].start_pos, nodes[-1][-1].end, branches, otherwise)

    def parameter(self, parts: Parts) -> Any:
        first, last = parts[0], parts[-1]
        start, end = _start(first), _end(last)
        if first.type != "NAME":
            return syntax.Parameter(start, end, first.value, last.value if len(parts) > 1 else "", None)
        return syntax.Parameter(start, end, "", first.value, last if len(parts) > 1 else None)

    def targets(self, parts: Parts) -> Any:
        target = parts[0]
        if len(parts) > 1:
            target = syntax.Sequence(parts[0].start, _end(parts[-1]), "tuple", _nodes(parts))
        _check_target(target)
        return target

    def expressions(self, parts: Parts) -> Any:
        if len(parts) == 1:
            return parts[0]
        if type(parts[-1]) is Token:
            comma = parts[-1]
            raise ScanError(
                "a tuple that ends with ',' needs parentheses", comma.start_pos, comma.end_pos, "write '(x,)'"
            )
        return syntax.Sequence(parts[0].start, parts[-1].end, "tuple", _nodes(parts))

    def conditional(self, parts: Parts) -> Any:
        then, _, condition, _, otherwise = parts
        return syntax.Conditional(then.start, otherwise.end, condition, then, otherwise)

    def lambda_(self, parts: Parts) -> Any:
        *parameters, body = _nodes(parts)
        _check_parameters(parameters)
        return syntax.Lambda(parts[0].start_pos, body.end, tuple(parameters), body)

    def logical(self, parts: Parts) -> Any:
        # 'and' binds tighter than 'or'.
        groups: list[list[Any]] = [[parts[0]]]
        for index in range(1, len(parts), 2):
            if parts[index].value == "or":
                groups.append([])
            groups[-1].append(parts[index + 1])
        return _chain("or", [_chain("and", group) for group in groups])

    def unary(self, parts: Parts) -> Any:
        return syntax.Unary(parts[0].start_pos, parts[1].end, parts[0].value, parts[1])

    def binary(self, parts: Parts) -> Any:
        operators, operands = [], [parts[0]]
        index = 1
        while index < len(parts):
            operator = parts[index].value
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
        _check_postfix(value)
        return syntax.Dot(value.start, name.end_pos, value, name.value, name.start_pos)

    def call(self, parts: Parts) -> Any:
        function = parts[0]
        _check_postfix(function)
        arguments = tuple(
            part if type(part) is syntax.Argument else syntax.Argument(part.start, part.end, "", "", part)
            for part in parts[2:-1]
            if type(part) is not Token
        )
        _check_arguments(arguments)
        return syntax.Invocation(function.start, parts[-1].end_pos, function, arguments)

    def special_argument(self, parts: Parts) -> Any:
        first, value = parts[0], parts[-1]
        if first.type == "NAME":
            return syntax.Argument(first.start_pos, value.end, "=", first.value, value)
        return syntax.Argument(first.start_pos, value.end, first.value, "", value)

    def index(self, parts: Parts) -> Any:
        _check_postfix(parts[0])
        return syntax.Index(parts[0].start, parts[-1].end_pos, parts[0], parts[2])

    def slice(self, parts: Parts) -> Any:
        _check_postfix(parts[0])
        bounds: list[Any] = [None]
        for part in parts[2:-1]:
            if type(part) is Token:
                bounds.append(None)
            else:
                bounds[-1] = part
        low, high, step = (*bounds, None)[:3]
        return syntax.Slice(parts[0].start, parts[-1].end_pos, parts[0], low, high, step)

    def name(self, parts: Parts) -> Any:
        return syntax.Name(parts[0].start_pos, parts[0].end_pos, parts[0].value)

    def integer(self, parts: Parts) -> Any:
        token = parts[0]
        try:
            value = literals.integer(token.value, token.start_pos)
        except BuildError as error:
            raise ScanError(error.message, token.start_pos, token.end_pos) from None
        return syntax.Literal(token.start_pos, token.end_pos, value)

    def float(self, parts: Parts) -> Any:
        token = parts[0]
        return syntax.Literal(token.start_pos, token.end_pos, literals.floating(token.value, token.start_pos))

    def string(self, parts: Parts) -> Any:
        token = parts[0]
        return syntax.Literal(token.start_pos, token.end_pos, literals.string(token.value, token.start_pos))

    def bytes(self, parts: Parts) -> Any:
        token = parts[0]
        return syntax.Literal(token.start_pos, token.end_pos, literals.byte_string(token.value, token.start_pos))

    def parenthesised(self, parts: Parts) -> Any:
        if len(parts) == 3:
            return parts[1]
        return syntax.Sequence(parts[0].start_pos, parts[-1].end_pos, "tuple", _nodes(parts))

    def list(self, parts: Parts) -> Any:
        return syntax.Sequence(parts[0].start_pos, parts[-1].end_pos, "list", _nodes(parts))

    def list_comprehension(self, parts: Parts) -> Any:
        return syntax.Comprehension(parts[0].start_pos, parts[-1].end_pos, None, parts[1], tuple(parts[2:-1]))

    def dict(self, parts: Parts) -> Any:
        return syntax.Mapping(parts[0].start_pos, parts[-1].end_pos, _nodes(parts))

    def entry(self, parts: Parts) -> Any:
        return (parts[0], parts[2])

    def dict_comprehension(self, parts: Parts) -> Any:
        key, element = parts[1]
        return syntax.Comprehension(parts[0].start_pos, parts[-1].end_pos, key, element, tuple(parts[2:-1]))

    def clause(self, parts: Parts) -> Any:
        start, end = parts[0].start_pos, parts[-1].end
        if parts[0].type == "IF":
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


def _check_postfix(node: Any) -> None:
    depth = 0
    start, end = node.start, node.end
    while type(node) in (syntax.Dot, syntax.Invocation, syntax.Index, syntax.Slice):
        node = node.function if type(node) is syntax.Invocation else node.value
        depth += 1
    if depth >= POSTFIX:
        raise ScanError(f"expression is a chain of too many parts: the bound is {POSTFIX}", start, end)


_KINDS = {
    syntax.Literal: "a literal",
    syntax.Mapping: "a dict",
    syntax.Unary: "an expression",
    syntax.Binary: "an expression",
    syntax.Conditional: "a conditional expression",
    syntax.Lambda: "a lambda",
    syntax.Invocation: "a call",
    syntax.Slice: "a slice",
    syntax.Comprehension: "a comprehension",
}


def _describe(node: Any) -> str:
    if type(node) is syntax.Sequence:
        return f"a {node.kind}"
    return _KINDS.get(type(node), "an expression")


def _check_target(node: Any) -> None:
    pending = [node]
    while pending:
        target = pending.pop()
        if type(target) is syntax.Sequence:
            pending += target.items
        elif type(target) not in (syntax.Name, syntax.Index, syntax.Dot):
            raise ScanError(f"cannot assign to {_describe(target)}", target.start, target.end)


def _check_parameters(parameters: list[syntax.Parameter]) -> None:
    seen: set[str] = set()
    starred = keywords = optional = False
    for place, parameter in enumerate(parameters):
        error: str | None = None
        if parameter.name and parameter.name in seen:
            error = f"parameter '{parameter.name}' is there twice"
        elif keywords:
            error = f"no parameter may follow '**{keywords}'"
        elif parameter.kind == "*" and starred:
            error = "there is more than one '*' parameter"
        elif (parameter.kind == "*" and not parameter.name and parameters[place + 1 : place + 2] == []) or (
            parameter.kind == "*" and not parameter.name and parameters[place + 1].kind == "**"
        ):
            error = "a bare '*' must be followed by a parameter"
        elif not parameter.kind and parameter.default is None and optional and not starred:
            error = f"parameter '{parameter.name}' without a default follows one with a default"
        if error:
            raise ScanError(error, parameter.start, parameter.end)
        seen.add(parameter.name)
        starred = starred or parameter.kind == "*"
        keywords = parameter.name if parameter.kind == "**" else keywords  # type: ignore[assignment]
        optional = optional or parameter.default is not None


def _check_arguments(arguments: tuple[syntax.Argument, ...]) -> None:
    seen: set[str] = set()
    latest = ""
    for argument in arguments:
        error = None
        if argument.kind == "" and latest:
            error = f"a positional argument follows a {_ARGUMENTS[latest]}"
        elif argument.kind == "=" and latest == "**":
            error = "a keyword argument follows '**'"
        elif argument.kind == "=" and argument.name in seen:
            error = f"keyword argument '{argument.name}' is there twice"
        elif argument.kind in ("*", "**") and latest in ("**", argument.kind):
            error = f"'{argument.kind}' follows '{latest}'"
        if error:
            end = argument.start + len(argument.name) if argument.name else argument.end
            raise ScanError(error, argument.start, end)
        seen.add(argument.name)
        latest = argument.kind or latest


_ARGUMENTS = {"=": "keyword argument", "*": "'*' argument", "**": "'**' argument"}
