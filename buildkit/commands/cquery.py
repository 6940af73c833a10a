"""`mbuild cquery` and `mbuild aquery`: questions about the graph of a configuration, and about its actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from buildkit.commands.graph import configuration_of
from buildkit.commands.machine import machine_of
from buildkit.commands.query import Found, Question, declared, signatures
from buildkit.commands.session import Session
from buildkit.digest import Key
from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.execution import known_keys
from buildkit.graph.action import Action, Artifact
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.configured import configure
from buildkit.graph.depset import Depset
from buildkit.graph.package import Target, TargetGraph
from buildkit.graph.query import (
    AQUERY_FUNCTIONS,
    CQUERY_FUNCTIONS,
    Answer,
    Configured,
    action_filters,
    evaluate,
    parse,
    roots,
)
from buildkit.graph.query.expression import Expression
from buildkit.graph.query.functions import Function
from buildkit.graph.values import FileValue, LabelValue
from buildkit.label import Label, TargetPattern
from buildkit.lang import Struct, represent
from buildkit.lang import evaluate as evaluate_code
from buildkit.lang import parse as parse_code
from buildkit.lang.syntax import Evaluation
from buildkit.records import dataclass
from buildkit.tools import TOOLS

EXPRESSION = "<starlark>"


@dataclass(frozen=True, slots=True)
class ConfiguredAnswer:
    """The answer, and the graph that it is of; of each target the configurations that answer, with their names."""

    found: Found
    graph: Configured
    loaded: TargetGraph
    variants: Callable[[Label], Sequence[tuple[str, Target]]]


@dataclass(frozen=True, slots=True)
class FoundActions:
    """Actions in the order of their targets, each with its key or the artifact that must be made before it is known."""

    actions: tuple[tuple[Action, Key | Artifact], ...]
    configuration: str
    faults: tuple[BuildError, ...]


def cquery(session: Session, question: Question) -> ConfiguredAnswer:
    """Ask the graph of the configuration that the flags decide."""
    expression = parse(question.expression, signatures(CQUERY_FUNCTIONS))
    return _ask(session, question, expression, CQUERY_FUNCTIONS)


def aquery(session: Session, question: Question) -> FoundActions:
    """The actions of the targets that an expression names, and their keys. Nothing is run."""
    filters, expression = action_filters(parse(question.expression, signatures(AQUERY_FUNCTIONS)))
    asked = _ask(session, question, expression, AQUERY_FUNCTIONS)
    analyzed = analysis_of(session, asked)
    owners = asked.found.answer.labels
    numbers = [
        number
        for number, action in enumerate(analyzed.actions.actions)
        if action.owner in owners and all(_passes(action, name, pattern) for name, pattern in filters)
    ]
    numbers.sort(key=lambda number: (analyzed.actions.actions[number].owner, number))
    keys = known_keys(analyzed.actions, numbers, machine_of(session))
    actions = tuple((analyzed.actions.actions[number], keys[number]) for number in numbers)
    return FoundActions(actions, asked.graph.configuration.short, asked.found.faults)


def output_files(session: Session, asked: ConfiguredAnswer) -> list[str]:
    """The paths of the files that targets of an answer give, in the order of the targets."""
    configured = analysis_of(session, asked).configured
    labels = sorted(asked.found.answer.labels)
    files = [artifact for label in labels if label in configured for artifact in configured[label].files]
    return list(dict.fromkeys(artifact.path for artifact in files))


def starlark_lines(session: Session, asked: ConfiguredAnswer, expression: str) -> Iterator[str]:
    """What an expression of the language gives for each target, as text; it knows `target`: label, kind, files."""
    _check(expression)
    file = parse_code(f"result = (\n{expression}\n)", EXPRESSION, build_file=False)
    configured = analysis_of(session, asked).configured

    def printer(span: Span, text: str) -> None:
        session.print_from_code(_above(span), text)

    for label in sorted(asked.found.answer.labels):
        target, known = asked.graph.target(label), configured.get(label)
        files = [FileValue(artifact) for artifact in known.files] if known else []
        fields = {"label": LabelValue(label), "kind": target.kind if target else "", "files": Depset("default", files)}
        with _in_expression():
            values = evaluate_code(file, predeclared={"target": Struct("struct", fields)}, printer=printer)
        result = values["result"]
        yield result if isinstance(result, str) else represent(result)


def _check(expression: str) -> None:
    """Raise BuildError or BuildErrors for what is no expression by itself."""
    statements = parse_code(expression, EXPRESSION, build_file=False).statements
    if len(statements) != 1 or type(statements[0]) is not Evaluation:
        raise BuildError(f"'--starlark-expr' must be one expression, found '{expression}'")


@contextmanager
def _in_expression() -> Iterator[None]:
    """Tell faults of the code that an expression is evaluated in as faults of the expression alone."""
    try:
        yield
    except BuildErrors as errors:
        raise BuildErrors(map(_placed, errors.errors)) from None
    except BuildError as error:
        raise _placed(error) from None


def _placed(fault: BuildError) -> BuildError:
    span = _above(fault.span) if fault.span else None
    return type(fault)(fault.message, span=span, hint=fault.hint, notes=fault.notes, details=fault.details)


def _above(span: Span) -> Span:
    """A place without the line that stands before the expression."""
    return replace(span, line=span.line - 1, end_line=span.end_line - 1) if span.path == EXPRESSION else span


def analysis_of(session: Session, asked: ConfiguredAnswer) -> Analysis:
    """Analyze what an answer's expression names, and all that it needs."""
    graph = asked.graph
    return analyze(
        asked.loaded,
        graph.loader.rules,
        TOOLS,
        session.print_from_code,
        configuration=graph.configuration,
        stamp=session.stamp,
    )


def _ask(
    session: Session, question: Question, expression: Expression, functions: Mapping[str, Function]
) -> ConfiguredAnswer:
    everything = declared(session, question)
    named = {label: None for word in roots(expression, functions) for label in everything.named(word)}
    if question.universe:
        named |= everything.universe()
    configuration = configuration_of(session)
    patterns = [TargetPattern(label.package, label.name, False, False, str(label)) for label in _own(named)]
    declared_ = everything.loader.graph(patterns, configuration)
    loaded = replace(declared_, named=frozenset())  # what is not for the platform is left out, as by a pattern
    resolved = configure(loaded, everything.loader.rules, configuration).checked()
    graph = Configured(everything, resolved, loaded.targets)
    answer = evaluate(expression, graph, functions)
    everything.loader.keep()
    found = Found(Answer(answer.labels, answer.path), graph.target, graph.needs, tuple(graph.faults.values()))
    return ConfiguredAnswer(found, graph, loaded, graph.shown_by(expression))


def _own(labels: Mapping[Label, None]) -> Sequence[Label]:
    return [label for label in labels if not label.repository]


def _passes(action: Action, name: str, pattern: re.Pattern[str]) -> bool:
    if name == "mnemonic":
        return pattern.fullmatch(action.mnemonic) is not None
    artifacts = action.needs if name == "inputs" else tuple(artifact for _, artifact in action.outputs)
    return any(pattern.fullmatch(artifact.path) for artifact in artifacts)
