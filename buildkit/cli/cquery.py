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
from buildkit.commands.cquery import ConfiguredAnswer, cquery, output_files, starlark_lines
from buildkit.commands.session import Session
from buildkit.errors import BuildError, ExitCode
from buildkit.report.targets import FORMATS, Listed, in_order


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`EXPRESSION [--output FORMAT] …`."""
    add_expression(parser)
    add_format(parser, ("files", "starlark", *FORMATS))
    add_order(parser)
    add_edges(parser)
    add_universe(parser)
    parser.add_argument(
        "--starlark-expr",
        "--starlark:expr",
        metavar="CODE",
        help="with --output starlark: what to print of each target; it has label, kind and files",
    )


def run(arguments: Arguments) -> ExitCode:
    """Ask, order, print."""
    name = arguments.own["output"] or ("jsonl" if arguments.json else "label")
    code = arguments.own["starlark_expr"]
    if code is not None and name != "starlark":
        raise BuildError("'--starlark-expr' needs '--output starlark'", hint=f"it says nothing of '--output {name}'")
    with opened(arguments) as (session, _):
        asked = cquery(session, question_of(arguments))
        special = _special(session, asked, name, "str(target.label)" if code is None else code)
    found, labels = asked.found, tuple(asked.found.answer.labels)
    listed = Listed(labels, found.target, found.needs, asked.variants)
    ordered = in_order(listed, arguments.own["order_output"], path=found.answer.path)
    write_lines(FORMATS[name](ordered) if special is None else special, sys.stdout)
    return say_faults(arguments, found.faults, empty=not labels)


def _special(session: Session, asked: ConfiguredAnswer, name: str, code: str) -> list[str] | None:
    """The formats that need analysis."""
    if name == "files":
        return output_files(session, asked)
    return list(starlark_lines(session, asked, code)) if name == "starlark" else None
