"""Print the targets that an expression of Bazel's query language names."""

from __future__ import annotations

import argparse
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.asking import (
    add_edges,
    add_expression,
    add_format,
    add_order,
    add_universe,
    question_of,
    say_faults,
    write_lines,
)
from buildkit.cli.opening import opened
from buildkit.commands.query import query
from buildkit.errors import ExitCode
from buildkit.report.targets import FORMATS, UNFACTORED, Listed, in_order


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION [--output FORMAT] …`."""
    add_expression(parser)
    add_format(parser, FORMATS)
    add_order(parser)
    add_edges(parser)
    add_universe(parser)
    parser.add_argument(
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
