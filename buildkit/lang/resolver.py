"""Names → slots.

In: a `File` and the names that are known before it runs. Out: for each name in the text (keyed by its offset) where its
value lives, and for each function how large its frame is and which variables it shares with the functions around it.

A function's names are bound by its parameters and by any assignment, loop or comprehension inside; comprehensions have
slots of their own in the frame of the function around them. A variable that an inner function reads lives in a cell.
All undefined names of a file are reported together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.lang import syntax
from buildkit.lang.values import HostValue, Value
from buildkit.records import dataclass

_HINTS = 20  # finding what was meant takes time


class Home(Enum):
    """Where a name's value lives."""

    LOCAL = "local"
    GLOBAL = "global"
    PREDECLARED = "predeclared"


class Variable:
    """A slot of a frame; `cell` once an inner function shares it."""

    __slots__ = ("cell", "name", "slot")

    def __init__(self, name: str, *, cell: bool = False) -> None:
        self.name = name
        self.slot = 0
        self.cell = cell


@dataclass(slots=True)
class Layout:
    """A function's frame. Slot 0 holds the running thread. `free` pairs an outer variable with its slot in here."""

    variables: list[Variable] = field(default_factory=list)
    free: list[tuple[Variable, Variable]] = field(default_factory=list)

    def add(self, name: str) -> Variable:
        """A new variable of the function's own."""
        variable = Variable(name)
        self.variables.append(variable)
        return variable

    def share(self, outer: Variable) -> Variable:
        """A variable of a function around this one, which is in a cell from now on."""
        outer.cell = True
        inner = Variable(outer.name, cell=True)
        self.free.append((outer, inner))
        return inner

    def number(self) -> None:
        """Give out the slots: the function's own variables first, then the cells it was made with."""
        for slot, variable in enumerate([*self.variables, *(inner for _, inner in self.free)], start=1):
            variable.slot = slot


Binding = tuple[Home, Any]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the compiler needs: bindings by offset of the name, layouts by offset of the function (-1: the file)."""

    bindings: dict[int, Binding]
    layouts: dict[int, Layout]
    global_names: tuple[str, ...]
    loaded: frozenset[str]


class _Scope:
    """The names of one function, innermost comprehension last."""

    def __init__(self, layout: Layout, parent: _Scope | None) -> None:
        self.layout = layout
        self.parent = parent
        self.names: list[dict[str, Variable]] = [{}]

    def find(self, name: str) -> Variable | None:
        for names in reversed(self.names):
            if name in names:
                return names[name]
        outer = self.parent.find(name) if self.parent else None
        if outer is None:
            return None
        inner = self.layout.share(outer)
        self.names[0][name] = inner
        return inner


def resolve(file: syntax.File, predeclared: Mapping[str, Value]) -> tuple[Resolution, list[BuildError]]:
    """Find the home of every name; the errors are for the caller to raise."""
    resolver = _Resolver(file, predeclared)
    resolver.run()
    resolution = Resolution(
        resolver.bindings, resolver.layouts, tuple(resolver.global_slots), frozenset(resolver.loaded)
    )
    return resolution, sorted(resolver.errors, key=lambda error: error.span)  # type: ignore[arg-type, return-value]


class _Resolver:
    def __init__(self, file: syntax.File, predeclared: Mapping[str, Value]) -> None:
        self.file = file
        self.predeclared = predeclared
        self.bindings: dict[int, Binding] = {}
        self.layouts: dict[int, Layout] = {-1: Layout()}
        self.global_slots: dict[str, int] = {}
        self.loaded: set[str] = set()
        self.errors: list[BuildError] = []
        self.scope = _Scope(self.layouts[-1], None)
        self.in_function = False
        self.loops = 0

    def run(self) -> None:
        for statement in self.file.statements:
            self._bind_globals(statement)
        for statement in self.file.statements:
            self._statement(statement)
        for layout in self.layouts.values():
            layout.number()

    def error(self, message: str, start: int, end: int, hint: str | None = None) -> None:
        self.errors.append(BuildError(message, span=self.file.span(start, end), hint=hint))

    def _bind_globals(self, statement: syntax.Statement) -> None:
        if isinstance(statement, syntax.Load):
            for loaded in statement.names:
                self._bind_global(loaded.local, loaded.start, loaded.end)
                self.loaded.add(loaded.local)
            return
        for name in bound_names([statement]):
            self._bind_global(name.name, name.start, name.end)

    def _bind_global(self, name: str, start: int, end: int) -> None:
        if name in self.global_slots and (not self.file.build_file or name in self.loaded):
            self.error(f"'{name}' is already defined in this file", start, end, "top-level names are bound once")
        self.global_slots.setdefault(name, len(self.global_slots))

    def _statement(self, node: Any) -> None:
        _STATEMENTS[type(node)](self, node)

    def _body(self, statements: Iterable[syntax.Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _evaluation(self, node: syntax.Evaluation) -> None:
        self.expression(node.value)

    def _assignment(self, node: syntax.Assignment) -> None:
        self.expression(node.value)
        self.expression(node.target)

    def _augmented(self, node: syntax.Augmented) -> None:
        self.expression(node.value)
        self.expression(node.target)

    def _return(self, node: syntax.Return) -> None:
        if not self.in_function:
            self.error("'return' is outside of a function", node.start, node.start + 6)
        if node.value is not None:
            self.expression(node.value)

    def _jump(self, node: syntax.Jump) -> None:
        if node.keyword != "pass" and not self.loops:
            self.error(f"'{node.keyword}' is outside of a loop", node.start, node.end)

    def _loop(self, node: syntax.Loop) -> None:
        if not self.in_function:
            self.error(
                "'for' is outside of a function", node.start, node.start + 3, "use a comprehension, or a function"
            )
        self.expression(node.iterable)
        self.expression(node.target)
        self.loops += 1
        self._body(node.body)
        self.loops -= 1

    def _branch(self, node: syntax.Branch) -> None:
        if not self.in_function:
            hint = "use a conditional expression, or a function"
            self.error("'if' is outside of a function", node.start, node.start + 2, hint)
        for condition, body in node.branches:
            self.expression(condition)
            self._body(body)
        self._body(node.otherwise)

    def _load(self, node: syntax.Load) -> None:
        if self.in_function:
            self.error("'load' is inside of a function", node.start, node.start + 4, "load at the top of the file")
            return
        for name in node.names:
            if name.original.startswith("_"):
                self.error(f"cannot load the private name '{name.original}'", name.start, name.end)

    def _definition(self, node: syntax.Definition) -> None:
        self.expression(node.name)
        self._function(node, node.parameters, node.body)

    def _function(self, node: Any, parameters: tuple[syntax.Parameter, ...], body: tuple[Any, ...]) -> None:
        for parameter in parameters:
            if parameter.default is not None:
                self.expression(parameter.default)
        layout = Layout()
        self.layouts[node.start] = layout
        outer = self.scope, self.in_function, self.loops
        self.scope, self.in_function, self.loops = _Scope(layout, self.scope), True, 0
        for name in [parameter.name for parameter in parameter_order(parameters)]:
            self.scope.names[0][name] = layout.add(name)
        for bound in bound_names(body):
            if bound.name not in self.scope.names[0]:
                self.scope.names[0][bound.name] = layout.add(bound.name)
        for part in body:
            if type(part) in _STATEMENTS:
                self._statement(part)
            else:
                self.expression(part)
        self.scope, self.in_function, self.loops = outer

    def expression(self, node: Any) -> None:
        _EXPRESSIONS[type(node)](self, node)

    def _name(self, node: syntax.Name) -> None:
        variable = self.scope.find(node.name)
        if variable is not None:
            self.bindings[node.start] = (Home.LOCAL, variable)
        elif node.name in self.global_slots:
            self.bindings[node.start] = (Home.GLOBAL, self.global_slots[node.name])
        elif node.name in self.predeclared:
            self.bindings[node.start] = (Home.PREDECLARED, node.name)
        else:
            self._undefined(node)

    def _undefined(self, node: syntax.Name) -> None:
        hint = self._as_member(node.name)
        if hint is None and len(self.errors) < _HINTS:
            hint = did_you_mean(node.name, self._known())
        self.error(f"name '{node.name}' is not defined", node.start, node.end, hint)

    def _known(self) -> set[str]:
        known = {*self.predeclared, *self.global_slots}
        scope: _Scope | None = self.scope
        while scope is not None:
            known.update(*scope.names)
            scope = scope.parent
        return known

    def _as_member(self, name: str) -> str | None:
        """For a name that is no name by itself here, such as `glob` in .bzl files: whose member it is."""
        for owner, value in sorted(self.predeclared.items(), key=lambda pair: pair[0]):
            if isinstance(value, HostValue) and name in value.attributes():
                return f"write '{owner}.{name}'"
        return None

    def _literal(self, node: syntax.Literal) -> None:
        """A literal names nothing."""

    def _sequence(self, node: syntax.Sequence) -> None:
        for item in node.items:
            self.expression(item)

    def _mapping(self, node: syntax.Mapping) -> None:
        for key, value in node.entries:
            self.expression(key)
            self.expression(value)

    def _unary(self, node: syntax.Unary) -> None:
        self.expression(node.operand)

    def _binary(self, node: syntax.Binary) -> None:
        for operand in node.operands:
            self.expression(operand)

    def _conditional(self, node: syntax.Conditional) -> None:
        self.expression(node.condition)
        self.expression(node.then)
        self.expression(node.otherwise)

    def _lambda(self, node: syntax.Lambda) -> None:
        if self.file.build_file:
            hint = "define a function in a .bzl file and load it"
            self.error("'lambda' is not allowed in a BUILD file", node.start, node.start + 6, hint)
        self._function(node, node.parameters, (node.body,))

    def _invocation(self, node: syntax.Invocation) -> None:
        self.expression(node.function)
        for argument in node.arguments:
            self.expression(argument.value)

    def _dot(self, node: syntax.Dot) -> None:
        self.expression(node.value)

    def _index(self, node: syntax.Index) -> None:
        self.expression(node.value)
        self.expression(node.key)

    def _slice(self, node: syntax.Slice) -> None:
        for part in (node.value, node.low, node.high, node.step):
            if part is not None:
                self.expression(part)

    def _comprehension(self, node: syntax.Comprehension) -> None:
        # The first operand belongs to the block around; all else sees all the names that the comprehension binds.
        names: dict[str, Variable] = {}
        for clause in node.clauses:
            for name in target_names(clause.target) if isinstance(clause, syntax.ForClause) else []:
                if name.name not in names:
                    names[name.name] = self.scope.layout.add(name.name)
        for position, clause in enumerate(node.clauses):
            if isinstance(clause, syntax.IfClause):
                self.expression(clause.condition)
                continue
            self.expression(clause.iterable)
            if position == 0:
                self.scope.names.append(names)
            self.expression(clause.target)
        if node.key is not None:
            self.expression(node.key)
        self.expression(node.element)
        self.scope.names.pop()


def parameter_order(parameters: Iterable[syntax.Parameter]) -> list[syntax.Parameter]:
    """Parameters in the order of their slots: named ones, then `*args`, then `**kwargs`."""
    order = {"": 0, "*": 1, "**": 2}
    return sorted((one for one in parameters if one.name), key=lambda one: order[one.kind])


def target_names(target: Any) -> list[syntax.Name]:
    """The names that an assignment to a target binds."""
    if type(target) is syntax.Name:
        return [target]
    if type(target) is syntax.Sequence:
        return [name for item in target.items for name in target_names(item)]
    return []


def bound_names(statements: Iterable[Any]) -> list[syntax.Name]:
    """The names that statements bind, those inside of functions and comprehensions left out."""
    found: list[syntax.Name] = []
    for node in statements:
        kind = type(node)
        if kind in (syntax.Assignment, syntax.Augmented):
            found += target_names(node.target)
        elif kind is syntax.Loop:
            found += target_names(node.target) + bound_names(node.body)
        elif kind is syntax.Branch:
            for _, body in node.branches:
                found += bound_names(body)
            found += bound_names(node.otherwise)
        elif kind is syntax.Definition:
            found.append(node.name)
    return found


_R: Any = _Resolver
_STATEMENTS: dict[type, Any] = {
    syntax.Evaluation: _R._evaluation,
    syntax.Assignment: _R._assignment,
    syntax.Augmented: _R._augmented,
    syntax.Return: _R._return,
    syntax.Jump: _R._jump,
    syntax.Loop: _R._loop,
    syntax.Branch: _R._branch,
    syntax.Definition: _R._definition,
    syntax.Load: _R._load,
}
_EXPRESSIONS: dict[type, Any] = {
    syntax.Name: _R._name,
    syntax.Literal: _R._literal,
    syntax.Sequence: _R._sequence,
    syntax.Mapping: _R._mapping,
    syntax.Unary: _R._unary,
    syntax.Binary: _R._binary,
    syntax.Conditional: _R._conditional,
    syntax.Lambda: _R._lambda,
    syntax.Invocation: _R._invocation,
    syntax.Dot: _R._dot,
    syntax.Index: _R._index,
    syntax.Slice: _R._slice,
    syntax.Comprehension: _R._comprehension,
}
