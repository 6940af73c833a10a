"""Calls and functions → closures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from buildkit.errors import BuildError, Span
from buildkit.lang import operators, syntax
from buildkit.lang.attributes import METHODS, attribute
from buildkit.lang.binding import mismatch
from buildkit.lang.compilation import Frame, Run, Unit, charge
from buildkit.lang.functions import Code, Function, invoke
from buildkit.lang.resolver import Layout, parameter_order
from buildkit.lang.thread import UNBOUND
from buildkit.lang.values import Dict, List, Value, type_name


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
        offsets: dict[str | int, tuple[int, int]] = {}
        position = 0
        for start, end, kind, name, _ in self.node.arguments:
            if kind == "=":
                offsets[name] = (start, start + len(name))
            elif kind == "":
                offsets[position] = (start, end)
                position += 1
        return syntax.Places(self.unit.file.path, self.unit.file.lines, offsets)


def compile_invocation(unit: Unit, node: syntax.Invocation) -> Run:
    """A call; methods of the language's own types are called without making a bound method first."""
    site = CallSite(unit, node)
    values = [unit.compile(argument.value) for argument in node.arguments]
    arguments = _arguments(unit, node, values)
    if type(node.function) is syntax.Dot:
        return _method_call(unit, node, node.function, site, arguments)
    function = unit.compile(node.function)
    if all(argument.kind == "" for argument in node.arguments):

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


def _arguments(unit: Unit, node: syntax.Invocation, runs: list[Run]) -> Arguments:
    values = list(zip(node.arguments, runs, strict=True))
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
                raise BuildError(f"duplicate keyword argument: '{name}'")
            keyword[name] = item


def _method_call(unit: Unit, node: syntax.Invocation, dot: syntax.Dot, site: CallSite, arguments: Arguments) -> Run:
    receiver, name = unit.compile(dot.value), dot.name
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
            charge(frame, result, unit, node)
        return result

    return run


def compile_lambda(unit: Unit, node: syntax.Lambda) -> Run:
    """A function that is one expression."""
    body = unit.compile(node.body)
    return compile_function(unit, node, "lambda", lambda frame: (body(frame),))


def compile_function(unit: Unit, node: Any, name: str, body: Run, doc: str = "") -> Run:
    """The closure that makes the value of a `def` or `lambda`."""
    layout: Layout = unit.resolution.layouts[node.start]
    code = _code(unit, node, name, layout)
    code.body = body
    code.doc = doc
    named = [one for one in parameter_order(node.parameters) if not one.kind]
    defaults = [unit.compile(one.default) if one.default is not None else None for one in named]
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
    order = parameter_order(node.parameters)
    kinds = [one.kind for one in order]
    starred = next((place for place, one in enumerate(node.parameters) if one.kind == "*"), len(node.parameters))
    positional = [one.name for one in node.parameters[:starred] if not one.kind]
    keyword_only = [one.name for one in node.parameters[starred:] if not one.kind]
    star = kinds.index("*") + 1 if "*" in kinds else 0
    keywords = kinds.index("**") + 1 if "**" in kinds else 0
    code = Code(name, positional, keyword_only, star, keywords)
    code.span = lambda: unit.span(node)
    code.blank = [UNBOUND] * (len(layout.variables) - len(order))
    code.cells = tuple(variable.slot for variable in layout.variables if variable.cell)
    return code
