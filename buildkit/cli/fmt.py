"""Format BUILD and .bzl files: those named, all in folders named, else all at or below this folder."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.fmt import Formatted, differences, format_text, write
from buildkit.errors import BuildErrors, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`[--check] [--diff] [--type TYPE] [PATH…]`."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file, a folder, or '-' for standard input")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")
    parser.add_argument(
        "--type", choices=("build", "bzl"), default="build", help="what standard input is (default: build)"
    )


def run(arguments: Arguments) -> ExitCode:
    """Print the names of the files that were, or would be, changed."""
    if arguments.own["paths"] == ["-"]:
        return _filter(arguments)
    with opened(arguments) as (session, _):
        found = differences(session, arguments.own["paths"])
        if not arguments.own["check"] and not arguments.own["diff"]:
            for difference in found.differences:
                write(difference.file.path, difference.formatted)
    _print(arguments, found)
    if found.faults:
        raise BuildErrors(found.faults)
    return _code(arguments, bool(found.differences))


def _print(arguments: Arguments, found: Formatted) -> None:
    for difference in found.differences:
        if arguments.json:
            sys.stdout.write(json.dumps({"file": difference.file.name}) + "\n")
        elif arguments.own["diff"]:
            sys.stdout.write(_printable(difference.lines()))
        else:
            sys.stdout.write(_printable(difference.file.name + "\n"))


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _filter(arguments: Arguments) -> ExitCode:
    """Standard input → standard output."""
    text = arguments.read_stdin()
    formatted = format_text(text, arguments.own["type"] == "build")
    if arguments.own["diff"]:
        sys.stdout.write(_printable(formatted.lines()))
    elif not arguments.own["check"]:
        sys.stdout.flush()
        sys.stdout.buffer.write(formatted.formatted.encode("utf-8", "surrogateescape"))
        return ExitCode.SUCCESS
    return _code(arguments, formatted.formatted != text)


def _code(arguments: Arguments, differs: bool) -> ExitCode:
    return ExitCode.BUILD_FAILED if differs and arguments.own["check"] else ExitCode.SUCCESS
