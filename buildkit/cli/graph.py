"""Draw what a target needs: an SVG or HTML picture, without any other program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from buildkit.cli.arguments import Arguments
from buildkit.cli.asking import add_edges, question_of
from buildkit.cli.opening import opened
from buildkit.commands.picture import pictured
from buildkit.errors import BuildError, EnvironmentFault, ExitCode
from buildkit.report.picture import diagram, html, svg

_DRAW = {".svg": svg, ".html": html}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`LABEL [--output FILE] [--depth N] …`."""
    add = parser.add_argument
    add("expression", nargs="+", metavar="LABEL", help="a target, or a query expression")
    add("--output", metavar="FILE", help="a file that ends in .svg or .html (default: SVG on stdout)")
    add("--depth", type=_depth, metavar="N", help="how many steps to follow (default: all)")
    add("--all", action="store_true", dest="everything", help="a box for each target, however many there are")
    add_edges(parser)


def _depth(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a number from 0, found {text!r}")
    return int(text)


def run(arguments: Arguments) -> ExitCode:
    """Ask, draw, write."""
    own = arguments.own
    file = Path(own["output"]) if own["output"] else None
    draw = _DRAW.get(file.suffix.lower()) if file else svg
    if draw is None:
        raise BuildError(f"cannot tell what to draw from '{file}'", hint="name a file that ends in .svg or .html")
    with opened(arguments) as (session, _):
        shown = pictured(session, question_of(arguments), own["depth"])
    title = " ".join(own["expression"])
    picture = draw(diagram(shown.targets, shown.needs, shown.roots, everything=own["everything"]), title)
    if file is None:
        sys.stdout.write(picture)
        return ExitCode.SUCCESS
    try:
        (arguments.directory / file).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(f"cannot write '{file}': {(error.strerror or str(error)).lower()}") from None
    return ExitCode.SUCCESS
