"""`mbuild query`: an expression → the targets that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from buildkit.commands.session import Session, package_of
from buildkit.errors import BuildError
from buildkit.graph.loader import Loader
from buildkit.graph.package import Target
from buildkit.graph.query import FUNCTIONS, Answer, Edges, Loaded, evaluate, parse
from buildkit.graph.query.functions import Function
from buildkit.graph.query.signature import Signature
from buildkit.label import Label
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and of which graph."""

    expression: str
    universe: tuple[str, ...] = ()
    implicit_deps: bool = True
    tool_deps: bool = True
    nodep_deps: bool = True

    @property
    def edges(self) -> Edges:
        """The dependencies that count."""
        return Edges(self.implicit_deps, self.tool_deps, self.nodep_deps)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, the graph's functions that printing needs, and the faults that `--keep-going` went past."""

    answer: Answer
    target: Callable[[Label], Target | None]
    needs: Callable[[Label], Sequence[Label]]
    faults: tuple[BuildError, ...]


def query(session: Session, question: Question) -> Found:
    """Ask the graph of all targets. Raises BuildError for an expression that cannot be read or answered."""
    expression = parse(question.expression, signatures(FUNCTIONS))
    graph = declared(session, question)
    answer = evaluate(expression, graph, FUNCTIONS)
    graph.loader.keep()
    return Found(answer, graph.target, graph.needs, tuple(graph.faults.values()))


def declared(session: Session, question: Question) -> Loaded:
    """The graph of all targets, as they are declared."""
    return Loaded(
        Loader(session.workspace, session.parsed, session.print_from_code, jobs=session.jobs),
        package=package_of(session),
        edges=question.edges,
        universe=question.universe,
        keep_going=session.options.keep_going,
    )


def signatures(functions: Mapping[str, Function]) -> dict[str, Signature]:
    """What the parser must know of functions."""
    return {name: known.signature for name, known in functions.items()}
