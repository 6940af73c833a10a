"""The graph of one configuration: selects are resolved, and of their branches only those that hold are followed.

In: the graph as declared, the targets that an expression names, a configuration. Out: `Configured`, which is asked
as `Loaded` is; and `roots`: all that an expression names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from buildkit.errors import BuildError
from buildkit.graph.configuration import Configuration
from buildkit.graph.package import Target
from buildkit.graph.query.expression import Expression, Invocation, Let, Number, Operation, Word, WordSet
from buildkit.graph.query.functions import FUNCTIONS, Function, regex
from buildkit.graph.query.loaded import Labels, Loaded
from buildkit.graph.query.signature import Signature
from buildkit.graph.selection import Selection
from buildkit.label import Label


class Configured(Loaded):
    """The targets that a configuration needs. What lies outside of it is seen as it was declared."""

    def __init__(self, declared: Loaded, targets: Mapping[Label, Target], configuration: Configuration) -> None:
        super().__init__(
            declared.loader,
            package=declared.standing,
            edges=declared.edges,
            universe=declared.universe_patterns,
            keep_going=declared.keep_going,
        )
        self.configuration = configuration
        self._targets.update(targets)
        self.faults = declared.faults

    def name_of(self, label: Label) -> str:
        """The configuration of a target, as listings show it; a source file has none."""
        target = self.target(label)
        return "null" if target is None or target.is_source else self.configuration.short


def with_conditions(resolved: Mapping[Label, Target], declared: Mapping[Label, Target]) -> dict[Label, Target]:
    """Resolved targets that need, as they do in Bazel, the conditions that their selects asked."""
    found = dict(resolved)
    for label, target in resolved.items():
        if target is declared[label]:  # it selects nothing
            continue
        plains = declared[label].attributes.items()
        asked = [
            (condition, name) for name, plain in plains if type(plain) is Selection for condition in plain.conditions()
        ]
        found[label] = replace(target, dependencies=tuple(dict.fromkeys((*target.dependencies, *asked))))
    return found


def roots(expression: Expression, functions: Mapping[str, Function]) -> Iterator[Word]:
    """The target patterns in an expression."""
    match expression:
        case Word():
            yield expression
        case WordSet():
            yield from expression.words
        case Let():
            yield from roots(expression.value, functions)
            yield from roots(expression.body, functions)
        case Operation():
            for operand in (expression.first, *(one for _, one in expression.rest)):
                yield from roots(operand, functions)
        case Invocation():
            for number, argument in enumerate(expression.arguments):
                parameter = functions[expression.name].signature.parameter(number)
                if parameter and parameter.kind == "expression":
                    yield from roots(argument, functions)  # type: ignore[arg-type]


def _config(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    """The targets that are in a configuration: 'target', its name, or 'null' for source files."""
    labels, word = arguments
    assert isinstance(graph, Configured)
    short = graph.configuration.short
    if word.text not in ("target", "null", short):
        hint = f"this graph has '{short}' (or 'target'), and 'null' for source files"
        raise BuildError(f"no configuration '{word.text}' here", span=word.span, hint=hint)
    wanted = short if word.text == "target" else word.text
    return {label: None for label in labels if graph.name_of(label) == wanted}


CQUERY_FUNCTIONS: dict[str, Function] = {
    **FUNCTIONS,
    "config": Function(
        Signature.of("config(expression, configuration)"), _config, "targets in a configuration: target, null, its name"
    ),
}


def _inner(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    raise BuildError(
        f"{call.name}() must stand outside of all other functions and operators",
        span=call.span,
        hint=f"write {call.name}(pattern, expression) around the whole expression",
    )


AQUERY_FUNCTIONS: dict[str, Function] = {
    **CQUERY_FUNCTIONS,
    **{
        name: Function(Signature.of(f"{name}(pattern, expression)"), _inner, doc)
        for name, doc in {
            "mnemonic": "actions whose mnemonic matches as a whole",
            "inputs": "actions that read a file whose path matches as a whole",
            "outputs": "actions that make a file whose path matches as a whole",
        }.items()
    },
}


def action_filters(expression: Expression) -> tuple[list[tuple[str, re.Pattern[str]]], Expression]:
    """The filters of actions that stand around an expression, and what they stand around."""
    filters: list[tuple[str, re.Pattern[str]]] = []
    while isinstance(expression, Invocation) and expression.name in ("mnemonic", "inputs", "outputs"):
        word, inner = expression.arguments
        assert isinstance(word, Word)
        assert not isinstance(inner, Number)
        filters.append((expression.name, regex(word)))
        expression = inner
    return filters, expression
