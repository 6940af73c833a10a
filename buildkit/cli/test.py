"""Run tests; a pass is cached until something that it depends on changes."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.test import Verdict, test
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET...`."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="tests, or patterns that hold some")


def run(arguments: Arguments) -> ExitCode:
    """Run them, print a line each."""
    with opened(arguments) as (session, report):
        result = test(session, arguments.own["targets"])
        report.finish(not result.faults)
        for label, verdict in result.verdicts:
            row = {"label": str(label), "passed": verdict is Verdict.PASSED, "ran": verdict is not Verdict.NOT_RUN}
            text = json.dumps(row) if arguments.json else f"{label} {verdict}"
            sys.stdout.write(text + "\n")
        result.checked()
    return ExitCode.SUCCESS
