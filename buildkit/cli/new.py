"""Add a model, a runtime or a rule to a package: targets that build, to begin from."""

from __future__ import annotations

import argparse

from buildkit.cli.arguments import Arguments
from buildkit.cli.init import tell
from buildkit.cli.opening import opened
from buildkit.commands.init import FRAMEWORKS
from buildkit.commands.new import KINDS, Wanted, new
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`KIND NAME [--package PKG] [--framework NAME] [--runtime LABEL]`."""
    places = ", ".join(f"//{package} for a {kind}" for kind, package in KINDS.items())
    parser.add_argument("kind", choices=list(KINDS), metavar="KIND", help="model, runtime or rule")
    parser.add_argument("name", metavar="NAME", help="its name: lower-case letters, digits and '_'")
    parser.add_argument("--package", default="", metavar="PACKAGE", help=f"where it goes (default: {places})")
    parser.add_argument(
        "--framework", default="", metavar="NAME", help=f"one of {', '.join(FRAMEWORKS)} (default: what fits)"
    )
    parser.add_argument("--runtime", default="", metavar="LABEL", help="what serves a model (default: what fits)")


def run(arguments: Arguments) -> ExitCode:
    """What was written on stdout, a line a file; what comes next on stderr."""
    own = arguments.own
    with opened(arguments) as (session, _):
        made = new(session, Wanted(own["kind"], own["name"], own["package"], own["framework"], own["runtime"]))
    tell(arguments, made)
    return ExitCode.SUCCESS
