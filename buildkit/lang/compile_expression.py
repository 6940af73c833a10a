"""Expressions → Python closures over the slots of a frame.

In: resolved syntax. Out: `Code`: functions that take a frame and give a value. What can be decided once (where a name
lives, which operator, how many arguments) is decided here, so that running is only calling.

A frame is a list: the thread, then the function's slots. The closures of one file share its list of globals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.lang import functions, operators, syntax
from buildkit.lang.attributes import METHODS, attribute, attribute_names
from buildkit.lang.functions import UNBOUND, Builtin, Code, Function, invoke, mismatch, place
from buildkit.lang.limits import check_integer
from buildkit.lang.resolver import Home, Layout, Resolution, Variable, parameter_order
from buildkit.lang.values import Dict, List, Value, to_key, type_name

Frame: TypeAlias = list[Any]
Run: TypeAlias = Callable[[Frame], Any]
Store: TypeAlias = Callable[[Frame, Any], None]


@dataclass(frozen=True, slots=True)
class Unit:
    """One file being compiled."""

    file: syntax.File
    resolution: Resolution
    predeclared: Mapping[str, Value]
    globals: list[Any]

    def span(self, node: Any) -> Span:
        """The place of a node."""
        return self.file.span(node.start, node.end)

    def place(self, error: BuildError, node: Any) -> BuildError:
        """An error with the place of a node, unless it has one."""
        return place(error, self.span(node)) if error.span is None else error


def compile_expression(unit: Unit, node: Any) -> Run:
    """The closure that computes an expression."""
    return _COMPILERS[type(node)](unit, node)  # type: ignore[no-any-return]


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
    return BuildError(f"{kind} variable '{node.name}' is read before it is assigned", span=unit.span(node))


def _literal(unit: Unit, node: syntax.Literal) -> Run:
    value = node.value
    return lambda frame: value


def _sequence(unit: Unit, node: syntax.Sequence) -> Run:
    items = [compile_expression(unit, item) for item in node.items]
    if node.kind == "list":
        return lambda frame: List([item(frame) for item in items])
    return lambda frame: tuple([item(frame) for item in items])


def _mapping(unit: Unit, node: syntax.Mapping) -> Run:
    entries = [(compile_expression(unit, key), compile_expression(unit, value), key) for key, value in node.entries]

    def run(frame: Frame) -> Any:
        result = Dict()
        for key, value, place_ in entries:
            name = key(frame)
            try:
                token = to_key(name)
                if token in result.entries:
                    raise BuildError(f"key {_shown(name)} is there twice")
            except BuildError as error:
                raise unit.place(error, place_) from None
            result.entries[token] = value(frame)
        return result

    return run


def _shown(value: Value) -> str:
    from buildkit.lang.text import represent

    text = represent(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _unary(unit: Unit, node: syntax.Unary) -> Run:
    operand = compile_expression(unit, node.operand)
    operator = node.operator
    if operator == "not":
        return lambda frame: not operand(frame)

    def run(frame: Frame) -> Any:
        try:
            return operators.unary(operator, operand(frame))
        except BuildError as error:
            raise unit.place(error, node) from None

    return run


def _binary(unit: Unit, node: syntax.Binary) -> Run:
    operands = [compile_expression(unit, operand) for operand in node.operands]
    if node.operators[0] in ("and", "or"):
        return _logical(node.operators[0] == "and", operands)
    run = operands[0]
    if len(operands) > 16:
        return _long_chain(unit, node, operands)
    for operator, operand, right in zip(node.operators, operands[1:], node.operands[1:], strict=True):
        part = node._replace(end=right.end)
        run = _operation(unit, part, operator, run, operand)
    return run


def _logical(conjunction: bool, operands: list[Run]) -> Run:
    *leading, last = operands

    def run_and(frame: Frame) -> Any:
        for operand in leading:
            value = operand(frame)
            if not value:
                return value
        return last(frame)

    def run_or(frame: Frame) -> Any:
        for operand in leading:
            value = operand(frame)
            if value:
                return value
        return last(frame)

    return run_and if conjunction else run_or


def _long_chain(unit: Unit, node: syntax.Binary, operands: list[Run]) -> Run:
    functions_ = [operators.BINARY[operator] for operator in node.operators]
    steps = list(zip(functions_, operands[1:], strict=True))
    first = operands[0]

    def run(frame: Frame) -> Any:
        value = first(frame)
        for function, operand in steps:
            right = operand(frame)
            try:
                value = function(value, right)
            except BuildError as error:
                raise unit.place(error, node) from None
            _charge(frame, value, unit, node)
        return value

    return run


_SMALL = 1 << 64


def _charge(frame: Frame, value: Any, unit: Unit, node: Any) -> None:
    """Large results cost steps, so that the bound on steps bounds memory and time as well."""
    kind = type(value)
    if kind is str or kind is bytes:
        cost = len(value) >> 4
    elif kind is List or kind is tuple:
        cost = len(value)
    else:
        return
    try:
        frame[0].charge(cost)
    except BuildError as error:
        raise unit.place(error, node) from None


def _operation(unit: Unit, node: Any, operator: str, left: Run, right: Run) -> Run:
    maker = _QUICK.get(operator)
    slow = _general(unit, node, operator)
    if maker is not None:
        return maker(left, right, slow)
    return lambda frame: slow(frame, left(frame), right(frame))


def _general(unit: Unit, node: Any, operator: str) -> Callable[[Frame, Any, Any], Any]:
    function = operators.BINARY[operator]

    def run(frame: Frame, left: Any, right: Any) -> Any:
        try:
            value = function(left, right)
        except BuildError as error:
            raise unit.place(error, node) from None
        kind = type(value)
        if kind is not int and kind is not bool:
            _charge(frame, value, unit, node)
        return value

    return run


Slow: TypeAlias = Callable[[Frame, Any, Any], Any]


def _quick_add(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            value = one + two
            if -_SMALL < value < _SMALL:
                return value
        return slow(frame, one, two)

    return run


def _quick_subtract(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            value = one - two
            if -_SMALL < value < _SMALL:
                return value
        return slow(frame, one, two)

    return run


def _quick_modulo(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int and two:
            return one % two
        return slow(frame, one, two)

    return run


def _quick_equal(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        kind = type(one)
        if kind is type(two) and (kind is str or kind is int):
            return one == two
        return slow(frame, one, two)

    return run


def _quick_less(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            return one < two
        return slow(frame, one, two)

    return run


def _quick_greater(left: Run, right: Run, slow: Slow) -> Run:
    def run(frame: Frame) -> Any:
        one, two = left(frame), right(frame)
        if type(one) is int and type(two) is int:
            return one > two
        return slow(frame, one, two)

    return run


_QUICK: dict[str, Callable[[Run, Run, Slow], Run]] = {
    "+": _quick_add,
    "-": _quick_subtract,
    "%": _quick_modulo,
    "==": _quick_equal,
    "<": _quick_less,
    ">": _quick_greater,
}


def _conditional(unit: Unit, node: syntax.Conditional) -> Run:
    condition = compile_expression(unit, node.condition)
    then, otherwise = compile_expression(unit, node.then), compile_expression(unit, node.otherwise)
    return lambda frame: then(frame) if condition(frame) else otherwise(frame)


def _dot(unit: Unit, node: syntax.Dot) -> Run:
    value, name = compile_expression(unit, node.value), node.name
    spot = syntax.Name(node.name_start, node.end, name)

    def run(frame: Frame) -> Any:
        receiver = value(frame)
        try:
            return attribute(receiver, name)
        except BuildError as error:
            raise unit.place(error, spot) from None

    return run


def _index(unit: Unit, node: syntax.Index) -> Run:
    value, key = compile_expression(unit, node.value), compile_expression(unit, node.index)

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
    value = compile_expression(unit, node.value)
    low, high, step = (
        compile_expression(unit, part) if part is not None else (lambda frame: None)
        for part in (node.low, node.high, node.step)
    )

    def run(frame: Frame) -> Any:
        container = value(frame)
        try:
            result = operators.take_slice(container, low(frame), high(frame), step(frame))
        except BuildError as error:
            raise unit.place(error, node) from None
        _charge(frame, result, unit, node)
        return result

    return run


class CallSite:
    """The place of a call in a file."""

    __slots__ = ("node", "unit")

    def __init__(self, unit: Unit, node: syntax.Invocation) -> None:
        self.unit = unit
        self.node = node

    @property
    def span(self) -> Span:
        """The call expression."""
        return self.unit.span(self.node)

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Keyword → the place of its name; position → the place of the argument."""
        spans: dict[str | int, Span] = {}
        position = 0
        for argument in self.node.arguments:
            if argument.kind == "=":
                spans[argument.name] = self.unit.file.span(argument.start, argument.start + len(argument.name))
            elif argument.kind == "":
                spans[position] = self.unit.span(argument)
                position += 1
        return spans


def _invocation(unit: Unit, node: syntax.Invocation) -> Run:
    site = CallSite(unit, node)
    arguments = _arguments(unit, node)
    if type(node.function) is syntax.Dot:
        return _method_call(unit, node, node.function, site, arguments)
    function = compile_expression(unit, node.function)
    if all(argument.kind == "" for argument in node.arguments):
        values = [compile_expression(unit, argument.value) for argument in node.arguments]

        def run_plain(frame: Frame) -> Any:
            called = function(frame)
            return invoke(frame[0], called, [value(frame) for value in values], {}, site)

        return run_plain

    def run(frame: Frame) -> Any:
        called = function(frame)
        positional, keyword = arguments(frame)
        return invoke(frame[0], called, positional, keyword, site)

    return run


Arguments: TypeAlias = Callable[[Frame], tuple[list[Value], dict[str, Value]]]


def _arguments(unit: Unit, node: syntax.Invocation) -> Arguments:
    values = [(argument, compile_expression(unit, argument.value)) for argument in node.arguments]
    if all(argument.kind in ("", "=") for argument in node.arguments):
        plain = [run for argument, run in values if argument.kind == ""]
        named = [(argument.name, run) for argument, run in values if argument.kind == "="]
        return lambda frame: ([run(frame) for run in plain], {name: run(frame) for name, run in named})

    def collect(frame: Frame) -> tuple[list[Value], dict[str, Value]]:
        positional: list[Value] = []
        keyword: dict[str, Value] = {}
        for argument, run in values:
            value = run(frame)
            try:
                _add_argument(argument, value, positional, keyword)
            except BuildError as error:
                raise unit.place(error, argument) from None
        return positional, keyword

    return collect


def _add_argument(argument: syntax.Argument, value: Any, positional: list[Value], keyword: dict[str, Value]) -> None:
    if argument.kind == "":
        positional.append(value)
    elif argument.kind == "=":
        keyword[argument.name] = value
    elif argument.kind == "*":
        if type(value) not in (List, tuple, Dict) and not hasattr(value, "__iter__"):
            raise BuildError(f"argument after '*' must be iterable, found '{type_name(value)}'")
        positional += operators.listed(value)
    else:
        if type(value) is not Dict:
            raise BuildError(f"argument after '**' must be a dict, found '{type_name(value)}'")
        for name, item in value.items():
            if type(name) is not str:
                raise BuildError(f"keys of the argument after '**' must be strings, found '{type_name(name)}'")
            if name in keyword:
                raise BuildError(f"keyword argument '{name}' is there twice")
            keyword[name] = item


def _method_call(unit: Unit, node: syntax.Invocation, dot: syntax.Dot, site: CallSite, arguments: Arguments) -> Run:
    receiver, name = compile_expression(unit, dot.value), dot.name
    spot = syntax.Name(dot.name_start, dot.end, name)

    def run(frame: Frame) -> Any:
        value = receiver(frame)
        methods = METHODS.get(type(value))
        if methods is None or name not in methods:
            try:
                function = attribute(value, name)
            except BuildError as error:
                raise unit.place(error, spot) from None
            positional, keyword = arguments(frame)
            return invoke(frame[0], function, positional, keyword, site)
        method = methods[name]
        positional, keyword = arguments(frame)
        thread = frame[0]
        thread.steps += 1
        if thread.steps > thread.limit:
            raise BuildError(f"evaluation takes too many steps: the bound is {thread.limit}", span=site.span)
        try:
            result = method(value, *positional, **keyword)
        except BuildError as error:
            raise unit.place(error, node) from None
        except TypeError as error:
            raise mismatch(error, name, method, 1, positional, keyword, site) from None
        if type(result) is List or type(result) is str:
            _charge(frame, result, unit, node)
        return result

    return run


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
    container, key = compile_expression(unit, node.value), compile_expression(unit, node.index)

    def store(frame: Frame, value: Any) -> None:
        target, place_ = container(frame), key(frame)
        try:
            operators.store(target, place_, value)
        except BuildError as error:
            raise unit.place(error, node) from None

    return store


def _store_field(unit: Unit, node: syntax.Dot) -> Store:
    value = compile_expression(unit, node.value)

    def store(frame: Frame, item: Any) -> None:
        kind = type_name(value(frame))
        raise BuildError(f"cannot assign to field '{node.name}' of a value of type '{kind}'", span=unit.span(node))

    return store


def _comprehension(unit: Unit, node: syntax.Comprehension) -> Run:
    element = compile_expression(unit, node.element)
    if node.key is None:

        def emit_item(frame: Frame, result: Any) -> None:
            result.items.append(element(frame))

        loop = _clauses(unit, node, 0, emit_item)

        def run_list(frame: Frame) -> Any:
            result = List([])
            loop(frame, result)
            return result

        return run_list
    key, key_node = compile_expression(unit, node.key), node.key

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
        condition = compile_expression(unit, clause.condition)

        def choose(frame: Frame, result: Any) -> None:
            if condition(frame):
                inner(frame, result)

        return choose
    target = compile_target(unit, clause.target)
    iterable, iterable_node = compile_expression(unit, clause.iterable), clause.iterable

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


def _lambda(unit: Unit, node: syntax.Lambda) -> Run:
    body = compile_expression(unit, node.body)
    return compile_function(unit, node, "lambda", lambda frame: (body(frame),))


def compile_function(unit: Unit, node: Any, name: str, body: Run, doc: str = "") -> Run:
    """The closure that makes the value of a `def` or `lambda`."""
    layout: Layout = unit.resolution.layouts[node.start]
    code = _code(unit, node, name, layout)
    code.body = body
    code.doc = doc
    named = [one for one in parameter_order(node.parameters) if not one.kind]
    defaults = [compile_expression(unit, one.default) if one.default is not None else None for one in named]
    free = [outer.slot for outer, _ in layout.free]
    values = unit.globals

    def run(frame: Frame) -> Any:
        return Function(
            code,
            tuple([UNBOUND if default is None else default(frame) for default in defaults]),
            tuple([frame[slot] for slot in free]),
            values,
        )

    return run


def _code(unit: Unit, node: Any, name: str, layout: Layout) -> Code:
    code = Code(name, unit.file.path, lambda: unit.span(node))
    starred = False
    positional, keyword_only = [], []
    for one in node.parameters:
        starred = starred or one.kind == "*"
        if not one.kind:
            (keyword_only if starred else positional).append(one.name)
    code.positional = len(positional)
    code.named = (*positional, *keyword_only)
    code.slots = {one: place_ for place_, one in enumerate(code.named)}
    kinds = [one.kind for one in parameter_order(node.parameters)]
    code.star = kinds.index("*") + 1 if "*" in kinds else 0
    code.keywords = kinds.index("**") + 1 if "**" in kinds else 0
    code.blank = [UNBOUND] * (len(layout.variables) - len(kinds))
    code.cells = tuple(variable.slot for variable in layout.variables if variable.cell)
    return code


_COMPILERS: dict[type, Any] = {
    syntax.Name: _name,
    syntax.Literal: _literal,
    syntax.Sequence: _sequence,
    syntax.Mapping: _mapping,
    syntax.Unary: _unary,
    syntax.Binary: _binary,
    syntax.Conditional: _conditional,
    syntax.Lambda: _lambda,
    syntax.Invocation: _invocation,
    syntax.Dot: _dot,
    syntax.Index: _index,
    syntax.Slice: _slice,
    syntax.Comprehension: _comprehension,
}
