"""An expression tree, evaluated over the graph.

In: an `Expression` and what it is asked of. Out: `Answer`: labels, and whether their order is a path's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.graph.query.expression import (
    Expression,
    Invocation,
    Let,
    Number,
    Operation,
    Variable,
    Word,
    WordSet,
)
from buildkit.graph.query.functions import Function
from buildkit.graph.query.loaded import Labels, Loaded
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """The labels of a result; `path` says that they stand in the order of a path."""

    labels: Labels
    path: bool = False


def evaluate(expression: Expression, graph: Loaded, functions: Mapping[str, Function]) -> Answer:
    """The answer to a question. Raises BuildError with a place in the expression, or in the file at fault."""
    labels = _Evaluation(graph, functions).value(expression, {})
    return Answer(labels, isinstance(expression, Invocation) and expression.name == "somepath")


class _Evaluation:
    def __init__(self, graph: Loaded, functions: Mapping[str, Function]) -> None:
        self.graph = graph
        self.functions = functions
        self.words: dict[str, Labels] = {}

    def value(self, expression: Expression, variables: Mapping[str, Labels]) -> Labels:
        match expression:
            case Word():
                return self.named(expression)
            case WordSet():
                return {label: None for word in expression.words for label in self.named(word)}
            case Variable():
                return _variable(expression, variables)
            case Let():
                bound = self.value(expression.value, variables)
                return self.value(expression.body, {**variables, expression.name: bound})
            case Operation():
                return self.operation(expression, variables)
            case Invocation():
                return self.call(expression, variables)

    def call(self, call: Invocation, variables: Mapping[str, Labels]) -> Labels:
        """A function's arguments are evaluated from left to right, all of them."""
        function = self.functions[call.name]
        arguments: list[Any] = []
        for number, argument in enumerate(call.arguments):
            parameter = function.signature.parameter(number)
            plain = isinstance(argument, Number) or (parameter is not None and parameter.kind == "word")
            arguments.append(argument if plain else self.value(argument, variables))  # type: ignore[arg-type]
        return function.run(self.graph, arguments, call)

    def named(self, word: Word) -> Labels:
        """What a pattern names; each is looked up once."""
        if word.text not in self.words:
            self.words[word.text] = self.graph.named(word)
        return self.words[word.text]

    def operation(self, operation: Operation, variables: Mapping[str, Labels]) -> Labels:
        found = dict(self.value(operation.first, variables))
        for sign, operand in operation.rest:
            other = self.value(operand, variables)
            if sign == "+":
                found |= other
            else:
                found = {label: None for label in found if (label in other) == (sign == "^")}
        return found


def _variable(variable: Variable, variables: Mapping[str, Labels]) -> Labels:
    if variable.name not in variables:
        hint = did_you_mean(variable.name, variables) or f"define it with let {variable.name} = … in …"
        raise BuildError(f"unknown variable '${variable.name}'", span=variable.span, hint=hint)
    return variables[variable.name]
