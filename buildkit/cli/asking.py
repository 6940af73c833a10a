"""What query, cquery and aquery have in common on the command line.

In: argv. Out: an expression, the edges that count; lines on stdout, faults on stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from buildkit.cli.arguments import Arguments
from buildkit.commands.query import Question
from buildkit.errors import BuildError, ExitCode, render


def add_expression(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION`, or `--query-file FILE`."""
    parser.add_argument(
        "expression",
        nargs="*",
        metavar="EXPRESSION",
        help="such as '//...', 'deps(//a:b, 2)', 'kind(rule, //a:* - //a:b)'",
    )
    parser.add_argument("--query-file", "--query_file", metavar="FILE", help="read the expression from a file")


def add_edges(parser: argparse.ArgumentParser) -> None:
    """Which dependencies count."""
    for long, bazel, help in (
        ("--no-implicit-deps", "--noimplicit_deps", "leave out dependencies that no BUILD file wrote"),
        ("--no-tool-deps", "--notool_deps", "leave out dependencies on tools"),
        ("--no-nodep-deps", "--nonodep_deps", "leave out package groups that visibility names"),
    ):
        parser.add_argument(long, bazel, action="store_true", help=help)


def add_format(parser: argparse.ArgumentParser, formats: Iterable[str]) -> None:
    """`--output FORMAT`."""
    names = tuple(formats)
    shown = f"one of {', '.join(names)} (default: {'label' if 'label' in names else names[0]})"
    parser.add_argument("--output", choices=names, metavar="FORMAT", help=shown)


def add_order(parser: argparse.ArgumentParser) -> None:
    """`--order-output ORDER`."""
    parser.add_argument(
        "--order-output",
        "--order_output",
        choices=("auto", "no", "deps", "full"),
        default="auto",
        help="by label, as found, or each target before what it needs (deps, full)",
    )


def add_universe(parser: argparse.ArgumentParser) -> None:
    """`--universe-scope PATTERNS`."""
    parser.add_argument(
        "--universe-scope",
        "--universe_scope",
        metavar="PATTERNS",
        default="",
        help="what allrdeps and rbuildfiles look at: patterns with commas between (default: //...)",
    )


def question_of(arguments: Arguments) -> Question:
    """What is asked. Words of the command line are put together with spaces, as Bazel does."""
    own = arguments.own
    return Question(
        _expression(arguments),
        universe=tuple(filter(None, (own.get("universe_scope") or "").split(","))),
        implicit_deps=not own["no_implicit_deps"],
        tool_deps=not own["no_tool_deps"],
        nodep_deps=not own["no_nodep_deps"],
    )


def _expression(arguments: Arguments) -> str:
    words: list[str] = arguments.own["expression"]
    file: str | None = arguments.own.get("query_file")
    if bool(words) == bool(file):
        hint = "write an expression, such as 'deps(//models:fraud)', or name a file with --query-file"
        raise BuildError("both an expression and --query-file" if file else "nothing is asked", hint=hint)
    if not file:
        return " ".join(words)
    try:
        return (arguments.directory / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BuildError(f"cannot read the query file '{file}': {why}") from None


def write_lines(lines: Iterable[str], stream: TextIO) -> None:
    """Each line at once: a reader such as head need not wait for the last."""
    for line in lines:
        stream.write(line + "\n")


def say_faults(arguments: Arguments, faults: Sequence[BuildError], *, empty: bool) -> ExitCode:
    """Tell on stderr what --keep-going went past, and that there was nothing to print."""
    for fault in faults:
        sys.stderr.write(render(fault, arguments.read_line) + "\n")
    if empty:
        sys.stderr.write("the result is empty\n")
    return faults[0].exit_code if faults else ExitCode.SUCCESS
