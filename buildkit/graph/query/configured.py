"""The graph of one configuration: selects are resolved, and of their branches only those that hold are followed.

In: the graph as declared, the targets that an expression names, a configuration. Out: `Configured`, which is asked
as `Loaded` is; and `roots`: all that an expression names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from buildkit.errors import BuildError
from buildkit.graph.configured import ConfiguredGraph
from buildkit.graph.package import Target
from buildkit.graph.query.expression import Expression, Invocation, Let, Number, Operation, Word, WordSet
from buildkit.graph.query.functions import FUNCTIONS, Function, regex
from buildkit.graph.query.loaded import Labels, Loaded
from buildkit.graph.query.signature import Signature
from buildkit.graph.selection import Selection
from buildkit.label import Label


class Configured(Loaded):
    """The targets that a configuration needs, and what transitions lead to from there: a target that is configured
    several times needs all that it needs in any of its configurations. What lies outside is seen as it was declared.
    """

    def __init__(self, declared: Loaded, resolved: ConfiguredGraph, loaded: Mapping[Label, Target]) -> None:
        super().__init__(
            declared.loader,
            package=declared.standing,
            edges=declared.edges,
            universe=declared.universe_patterns,
            keep_going=declared.keep_going,
        )
        self.configuration = resolved.configuration
        self.names = (self.configuration.short, *(one.short for one in resolved.platforms if one != self.configuration))
        self._variants: dict[Label, list[tuple[str, Target]]] = {}
        for node in resolved.nodes:
            target = _with_conditions(node.target, loaded[node.target.label])
            self._variants.setdefault(target.label, []).append((node.configuration.short, target))
        self._targets.update({label: _merged([one for _, one in rows]) for label, rows in self._variants.items()})
        self.faults = declared.faults

    def variants(self, label: Label) -> list[tuple[str, Target]]:
        """The configurations of a target by name, as listings show them, and the target as it is there; a source file
        has none, and is shown as in 'null'.
        """
        target = self.target(label)
        if target is None:
            return []
        if target.is_source:
            return [("null", target)]
        return self._variants.get(label) or [(self.configuration.short, target)]

    def name_of(self, word: Word) -> str:
        """The configuration that config() asks for. Raises BuildError for one that the graph has not."""
        if word.text not in ("target", "null", *self.names):
            here = f"'{self.names[0]}' (or 'target')" + "".join(f", '{name}'" for name in self.names[1:])
            hint = f"this graph has {here}, and 'null' for source files"
            raise BuildError(f"no configuration '{word.text}' here", span=word.span, hint=hint)
        return self.names[0] if word.text == "target" else word.text

    def shown_by(self, expression: Expression) -> Callable[[Label], list[tuple[str, Target]]]:
        """The variants that answer an expression: where config() is all around it, those of that configuration."""
        if not isinstance(expression, Invocation) or expression.name != "config":
            return self.variants
        word = expression.arguments[1]
        wanted = self.name_of(word) if isinstance(word, Word) else ""
        return lambda label: [one for one in self.variants(label) if one[0] == wanted]


def _with_conditions(target: Target, declared: Target) -> Target:
    """A resolved target that needs, as it does in Bazel, the conditions that its selects asked."""
    if target is declared:  # it selects nothing
        return target
    plains = declared.attributes.items()
    asked = [
        (condition, name) for name, plain in plains if type(plain) is Selection for condition in plain.conditions()
    ]
    return replace(target, dependencies=tuple(dict.fromkeys((*target.dependencies, *asked))))


def _merged(variants: list[Target]) -> Target:
    """A target that needs all that it does in any configuration; what else it is, is that of the first."""
    if len(variants) == 1:
        return variants[0]
    return replace(
        variants[0], dependencies=tuple(dict.fromkeys(one for target in variants for one in target.dependencies))
    )


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
    wanted = graph.name_of(word)
    return {label: None for label in labels if any(name == wanted for name, _ in graph.variants(label))}


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
