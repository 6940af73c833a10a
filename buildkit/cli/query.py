"""Print the targets that a query names: a pattern, or deps(PATTERN)."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.graph import query
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION`."""
    parser.add_argument("expression", metavar="EXPRESSION", help="'//...' or 'deps(//package:name)'")


def run(arguments: Arguments) -> ExitCode:
    """A label a line, sorted."""
    with opened(arguments) as (session, _):
        labels = query(session, arguments.own["expression"])
    for label in labels:
        sys.stdout.write((json.dumps({"label": str(label)}) if arguments.json else str(label)) + "\n")
    return ExitCode.SUCCESS
