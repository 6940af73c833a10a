"""Print the actions of the targets that an expression names: command, inputs, outputs, environment, key."""

from __future__ import annotations

import argparse
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.asking import add_edges, add_expression, add_format, question_of, say_faults, write_lines
from buildkit.cli.opening import opened
from buildkit.commands.cquery import aquery
from buildkit.errors import ExitCode
from buildkit.report.actions import ACTION_FORMATS, ListedActions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION [--output FORMAT] …`."""
    add_expression(parser)
    add_format(parser, ACTION_FORMATS)
    add_edges(parser)


def run(arguments: Arguments) -> ExitCode:
    """Ask, print."""
    with opened(arguments) as (session, _):
        found = aquery(session, question_of(arguments))
    name = arguments.own["output"] or ("jsonl" if arguments.json else "text")
    write_lines(ACTION_FORMATS[name](ListedActions(found.actions, found.configuration)), sys.stdout)
    return say_faults(arguments, found.faults, empty=not found.actions)
