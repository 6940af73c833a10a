"""Print the targets that an expression names in one configuration, with its selects resolved."""

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
from buildkit.commands.cquery import cquery, output_files
from buildkit.errors import ExitCode
from buildkit.report.targets import FORMATS, Listed, in_order


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION [--output FORMAT] …`."""
    add_expression(parser)
    add_format(parser, ("files", *FORMATS))
    add_order(parser)
    add_edges(parser)
    add_universe(parser)


def run(arguments: Arguments) -> ExitCode:
    """Ask, order, print."""
    name = arguments.own["output"] or ("jsonl" if arguments.json else "label")
    with opened(arguments) as (session, _):
        asked = cquery(session, question_of(arguments))
        files = output_files(session, asked) if name == "files" else None
    found, labels = asked.found, tuple(asked.found.answer.labels)
    listed = Listed(labels, found.target, found.needs, asked.graph.name_of)
    ordered = in_order(listed, arguments.own["order_output"], path=found.answer.path)
    write_lines(FORMATS[name](ordered) if files is None else files, sys.stdout)
    return say_faults(arguments, found.faults, empty=not labels)
