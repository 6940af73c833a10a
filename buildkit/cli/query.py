"""Print the targets that an expression of Bazel's query language names."""

from __future__ import annotations

import argparse
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.asking import add_edges, add_expression, question_of, say_faults, write_lines
from buildkit.cli.opening import opened
from buildkit.commands.query import query
from buildkit.errors import ExitCode
from buildkit.report.targets import FORMATS, UNFACTORED, Listed, in_order


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION [--output FORMAT] …`."""
    add = parser.add_argument
    add_expression(parser)
    add("--output", choices=tuple(FORMATS), metavar="FORMAT", help=f"one of {', '.join(FORMATS)} (default: label)")
    add(
        "--order-output",
        "--order_output",
        choices=("auto", "no", "deps", "full"),
        default="auto",
        help="by label, as found, or each target before what it needs (deps, full)",
    )
    add_edges(parser)
    add(
        "--universe-scope",
        "--universe_scope",
        metavar="PATTERNS",
        default="",
        help="what allrdeps and rbuildfiles look at: patterns with commas between (default: //...)",
    )
    add(
        "--no-graph-factored",
        "--nograph:factored",
        action="store_true",
        help="with --output graph: a node for each target, even where several have the same edges",
    )


def run(arguments: Arguments) -> ExitCode:
    """Ask, order, print."""
    own = arguments.own
    with opened(arguments) as (session, _):
        found = query(session, question_of(arguments))
    listed = in_order(
        Listed(tuple(found.answer.labels), found.target, found.needs), own["order_output"], path=found.answer.path
    )
    name = own["output"] or ("jsonl" if arguments.json else "label")
    write = UNFACTORED if name == "graph" and own["no_graph_factored"] else FORMATS[name]
    write_lines(write(listed), sys.stdout)
    return say_faults(arguments, found.faults, empty=not listed.labels)
