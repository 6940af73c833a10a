"""Questions about the graph, in Bazel's query language.

In: an expression, and what may be asked (`Loaded`: the graph of a loader). Out: labels.
"""

from buildkit.graph.query.configured import (
    AQUERY_FUNCTIONS,
    CQUERY_FUNCTIONS,
    Configured,
    action_filters,
    roots,
)
from buildkit.graph.query.evaluation import Answer, evaluate
from buildkit.graph.query.expression import PLACE
from buildkit.graph.query.functions import FUNCTIONS
from buildkit.graph.query.loaded import Edges, Loaded
from buildkit.graph.query.parser import parse

__all__ = [
    "AQUERY_FUNCTIONS",
    "CQUERY_FUNCTIONS",
    "FUNCTIONS",
    "PLACE",
    "Answer",
    "Configured",
    "Edges",
    "Loaded",
    "action_filters",
    "evaluate",
    "parse",
    "roots",
]
