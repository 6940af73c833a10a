"""`mbuild graph`: a target → the targets that a picture of it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from buildkit.commands.query import Question, declared
from buildkit.commands.session import Session
from buildkit.graph.package import Target
from buildkit.graph.query import evaluate, parse
from buildkit.graph.query.expression import Word, WordSet
from buildkit.graph.query.functions import FUNCTIONS
from buildkit.graph.query.paths import reachable
from buildkit.label import Label
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Pictured:
    """The targets that were asked for, all that they need as deep as asked, and the edges."""

    roots: Sequence[Label]
    targets: Mapping[Label, Target]
    needs: Callable[[Label], Sequence[Label]]


def pictured(session: Session, question: Question, depth: int | None) -> Pictured:
    """What a picture shows: all that targets need; of an expression with functions or operators, its answer alone."""
    expression = parse(question.expression, {name: known.signature for name, known in FUNCTIONS.items()})
    graph = declared(session, question)
    roots = list(evaluate(expression, graph, FUNCTIONS).labels)
    labels = reachable(roots, graph.needs, depth) if isinstance(expression, (Word, WordSet)) else roots
    targets = {label: target for label in labels if (target := graph.target(label))}
    graph.loader.keep()
    return Pictured(roots if len(roots) < len(targets) else (), targets, graph.needs)
