"""Run one .bzl file by itself: its `print`s go to stderr, and so does an error."""

from __future__ import annotations

import argparse
import sys

from buildkit.cli.arguments import Arguments
from buildkit.commands.eval import evaluate
from buildkit.errors import BuildError, ExitCode, Span


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`FILE [--limit NAME=NUMBER...]`."""
    parser.add_argument("program", metavar="FILE", help="a file in the language of .bzl files; - is the standard input")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="raise or lower a bound: steps, depth, seconds, integer_bits, string_length, elements",
    )


def run(arguments: Arguments) -> ExitCode:
    """Nothing on stdout: a program's values are its own."""
    path = arguments.own["program"]
    text = arguments.read_stdin() if path == "-" else None
    limits = dict(map(_limit, arguments.own["limit"]))
    evaluate("<stdin>" if path == "-" else path, text, folder=arguments.directory, limits=limits, printer=_print)
    return ExitCode.SUCCESS


def _limit(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BuildError(f"'--limit' must be NAME=NUMBER, found '{text}'")
    return name, value


def _print(span: Span, text: str) -> None:
    sys.stderr.write(f"{span}: {text}\n")
