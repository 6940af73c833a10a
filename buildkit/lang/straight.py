"""Top-level code, run as it stands: syntax → values.

What stands at the top of a file runs once, and in a BUILD file it is thousands of calls with literal arguments; so it
is interpreted, which costs less than translating it. Comprehensions and functions are translated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang import operators, subscripts, syntax
from buildkit.lang.attributes import attribute
from buildkit.lang.faults import FAULTS, located, unset
from buildkit.lang.functions import Function, invoke
from buildkit.lang.resolver import Home, parameter_order
from buildkit.lang.runtime import augment, entry_key, merge, set_field, sized, spread, unpack
from buildkit.lang.site import CodeSite
from buildkit.lang.thread import UNBOUND, Thread, place
from buildkit.lang.translate import function_of, thunk_of
from buildkit.lang.translate_function import code_of, doc_of
from buildkit.lang.translation import Unit
from buildkit.lang.values import Dict, List, Value


class Straight:
    """The run of one file's top-level statements."""

    def __init__(self, unit: Unit, thread: Thread) -> None:
        self.unit = unit
        self.thread = thread
        self.bindings = unit.resolution.bindings
        self.namespace = unit.namespace

    def statement(self, node: Any) -> None:
        """Run one statement. Raises BuildError with a place."""
        _STATEMENTS[type(node)](self, node)

    def value(self, node: Any) -> Any:
        """Evaluate an expression. Raises BuildError with a place."""
        return _EXPRESSIONS[type(node)](self, node)

    def place(self, error: BuildError, node: Any) -> BuildError:
        """An error with the place of a node, unless it has one."""
        return place(error, self.unit.file.span(node.start, node.end)) if error.span is None else error

    def _evaluation(self, node: syntax.Evaluation) -> None:
        self.value(node.value)

    def _jump(self, node: syntax.Jump) -> None:
        """`pass`: the others are refused outside of a loop."""

    def _assignment(self, node: syntax.Assignment) -> None:
        self._assign(node.target, self.value(node.value))

    def _assign(self, target: Any, value: Any) -> None:
        kind = type(target)
        if kind is syntax.Name:
            self.namespace[f"g{self.bindings[target.start][1]}"] = value
            return
        if kind is syntax.Sequence:
            for item, part in zip(target.items, self._general(target, unpack, value, len(target.items)), strict=True):
                self._assign(item, part)
        elif kind is syntax.Index:
            self._general(target, subscripts.store, self.value(target.value), self.value(target.key), value)
        else:
            self._general(target, set_field, self.value(target.value), target.name, value)

    def _general(self, node: Any, function: Callable[..., Any], *values: Any) -> Any:
        """An operation; its errors get the place of a node."""
        try:
            return function(*values)
        except BuildError as error:
            raise self.place(error, node) from None

    def _augmented(self, node: syntax.Augmented) -> None:
        target = node.target
        if type(target) is syntax.Index:
            owner, key = self.value(target.value), self.value(target.key)
            current = self._general(target, subscripts.index, owner, key)
            result = self._general(node, augment, self.thread, node.operator, current, self.value(node.value))
            self._general(target, subscripts.store, owner, key, result)
        elif type(target) is syntax.Dot:
            owner = self.value(target.value)
            current = self._general(target, attribute, owner, target.name)
            result = self._general(node, augment, self.thread, node.operator, current, self.value(node.value))
            self._general(target, set_field, owner, target.name, result)
        else:
            current = self.value(target)
            self._assign(
                target, self._general(node, augment, self.thread, node.operator, current, self.value(node.value))
            )

    def _definition(self, node: syntax.Definition) -> None:
        slot = self.bindings[node.name.start][1]
        function = self._function(node, node.name.name, node.body, doc_of(node), f"d{slot}")
        self.namespace[f"g{slot}"] = function

    def _lambda(self, node: syntax.Lambda) -> Function:
        body = (syntax.Return(node.body.start, node.body.end, node.body),)
        return self._function(node, "lambda", body, "", "")

    def _function(self, node: Any, name: str, body: Any, doc: str, direct: str) -> Function:
        """A function, translated when it is first called; `direct` is the global that then has its Python code."""
        unit, code = self.unit, code_of(self.unit, node, name, doc)
        named = [one for one in parameter_order(node.parameters) if not one.kind]
        defaults = tuple([self.value(one.default) if one.default is not None else UNBOUND for one in named])

        def first(thread: Thread, *arguments: Value) -> Value:
            if made.direct is first:
                made.direct = function_of(unit, node, code, body, arguments)
            if direct:
                unit.namespace[direct] = made.direct
            return made.direct(thread, *arguments)

        made = Function(code, defaults, first)
        if direct:
            unit.namespace[direct] = first
        return made

    def _name(self, node: syntax.Name) -> Value:
        home, where = self.bindings[node.start]
        if home is Home.PREDECLARED:
            return self.unit.predeclared[where]
        value = self.namespace.get(f"g{where}", UNBOUND)
        if value is UNBOUND:
            raise self.place(unset(node.name, self.unit), node)
        return value

    def _literal(self, node: syntax.Literal) -> Value:
        return node.value

    def _sequence(self, node: syntax.Sequence) -> Value:
        items = [_EXPRESSIONS[type(item)](self, item) for item in node.items]
        return List(items) if node.kind == "list" else tuple(items)

    def _mapping(self, node: syntax.Mapping) -> Dict:
        result = Dict()
        for key, value in node.entries:
            token = self._general(key, entry_key, result.entries, self.value(key))
            result.entries[token] = self.value(value)
        return result

    def _unary(self, node: syntax.Unary) -> Value:
        operand = self.value(node.operand)
        return not operand if node.operator == "not" else self._general(node, operators.unary, node.operator, operand)

    def _binary(self, node: syntax.Binary) -> Value:
        if node.operators[0] in ("and", "or"):
            return self._logical(node)
        value = self.value(node.operands[0])
        for operator, operand in zip(node.operators, node.operands[1:], strict=True):
            right = self.value(operand)
            part = node._replace(end=operand.end)
            value = self._general(part, operators.BINARY[operator], value, right)
            self._general(part, sized, self.thread, value)
        return value

    def _logical(self, node: syntax.Binary) -> Value:
        value: Value = None
        for operand in node.operands:
            value = self.value(operand)
            if bool(value) is (node.operators[0] == "or"):
                return value
        return value

    def _conditional(self, node: syntax.Conditional) -> Value:
        while type(node) is syntax.Conditional:
            if self.value(node.condition):
                return self.value(node.then)
            node = node.otherwise  # type: ignore[assignment]
        return self.value(node)

    def _invocation(self, node: syntax.Invocation) -> Value:
        function = self.value(node.function)
        positional: list[Value] = []
        keyword: dict[str, Value] = {}
        for argument in node.arguments:
            value = _EXPRESSIONS[type(argument.value)](self, argument.value)
            if argument.kind == "=":
                keyword[argument.name] = value
            elif argument.kind == "":
                positional.append(value)
            elif argument.kind == "*":
                self._general(argument, spread, positional, value)
            else:
                self._general(argument, merge, keyword, value)
        result = invoke(self.thread, function, positional, keyword, CodeSite(self.unit.file, node))
        self._general(node, sized, self.thread, result)
        return result

    def _dot(self, node: syntax.Dot) -> Value:
        receiver = self.value(node.value)
        return self._general(syntax.Name(node.name_start, node.end, node.name), attribute, receiver, node.name)

    def _index(self, node: syntax.Index) -> Value:
        return self._general(node, subscripts.index, self.value(node.value), self.value(node.key))

    def _slice(self, node: syntax.Slice) -> Value:
        value = self.value(node.value)
        bounds = [None if part is None else self.value(part) for part in (node.low, node.high, node.step)]
        return self._general(node, sized, self.thread, self._general(node, subscripts.take_slice, value, *bounds))

    def _translated(self, node: Any) -> Value:
        function = thunk_of(self.unit, node)
        try:
            return function(self.thread)
        except FAULTS as error:
            raise located(error)[0] from None


_S: Any = Straight
_STATEMENTS: dict[type, Callable[[Straight, Any], None]] = {
    syntax.Evaluation: _S._evaluation,
    syntax.Assignment: _S._assignment,
    syntax.Augmented: _S._augmented,
    syntax.Definition: _S._definition,
    syntax.Jump: _S._jump,
}
_EXPRESSIONS: dict[type, Callable[[Straight, Any], Value]] = {
    syntax.Name: _S._name,
    syntax.Literal: _S._literal,
    syntax.Sequence: _S._sequence,
    syntax.Mapping: _S._mapping,
    syntax.Unary: _S._unary,
    syntax.Binary: _S._binary,
    syntax.Conditional: _S._conditional,
    syntax.Invocation: _S._invocation,
    syntax.Dot: _S._dot,
    syntax.Index: _S._index,
    syntax.Slice: _S._slice,
    syntax.Lambda: _S._lambda,
    syntax.Comprehension: _S._translated,
}
