"""Write the reference of rules, functions and providers from the doc strings of .bzl files."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.docs import check, reference, write
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`[PATTERN...] [--output DIR|-] [--check]`."""
    parser.add_argument(
        "patterns", nargs="*", metavar="PATTERN", help=".bzl files or packages (default: //...); @mbuild//rules too"
    )
    parser.add_argument("--output", metavar="DIR|-", default="", help="where pages go (default: docs/rules); - prints")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")


def run(arguments: Arguments) -> ExitCode:
    """A line a page; with `--output -` the pages themselves."""
    own = arguments.own
    with opened(arguments) as (session, _):
        made = reference(session, own["patterns"])
        if own["output"] == "-":
            sys.stdout.write("\n".join(made.values()))
            return ExitCode.SUCCESS
        compared = (check if own["check"] else write)(session, made, own["output"])
    for page in compared:
        word = "written" if page.changed else "current"
        row = {"page": page.path, "changed": page.changed}
        sys.stdout.write((json.dumps(row) if arguments.json else f"{page.path} {word}") + "\n")
    return ExitCode.SUCCESS
