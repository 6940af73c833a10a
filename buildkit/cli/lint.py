"""Find what works in BUILD and .bzl files but should not stay: in those named, else in all at or below this folder."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.lint import Linted, lint
from buildkit.errors import BuildErrors, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`[--fix] [PATH…]`."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file or a folder")
    parser.add_argument("--fix", action="store_true", help="remove what can be removed safely, and format those files")


def run(arguments: Arguments) -> ExitCode:
    """Print a finding a line; exit code 1 where there are any."""
    with opened(arguments) as (session, _):
        linted = lint(session, arguments.own["paths"], fix=arguments.own["fix"])
    _print(arguments, linted)
    if linted.faults:
        raise BuildErrors(linted.faults)
    return ExitCode.BUILD_FAILED if linted.findings else ExitCode.SUCCESS


def _print(arguments: Arguments, linted: Linted) -> None:
    for name in linted.mended:
        sys.stderr.write(f"mended {name}\n")
    for finding in linted.findings:
        if arguments.json:
            span = finding.span
            place = {"file": span.path, "line": span.line, "column": span.column, "end_line": span.end_line}
            rest = {"end_column": span.end_column, "check": finding.check, "message": finding.message}
            sys.stdout.write(json.dumps({**place, **rest, "hint": finding.hint}) + "\n")
        else:
            sys.stdout.write(f"{finding}\n".encode("utf-8", "replace").decode())
