"""Make a workspace that builds: mbuild.toml, a model, its image, a test, and what they run on."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.commands.init import FRAMEWORKS, Beginning, checked_framework, default_name, initialize
from buildkit.commands.templates import checked_name
from buildkit.errors import BuildError, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`[DIR] [--name NAME] [--framework NAME] [--yes]`."""
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="the workspace's folder (default: here)")
    parser.add_argument("--name", metavar="NAME", help="the workspace's and the image's name (default: the folder's)")
    parser.add_argument("--framework", metavar="NAME", help=f"one of {', '.join(FRAMEWORKS)} (default: sklearn)")
    parser.add_argument("--yes", action="store_true", help="ask nothing: take the defaults")


def run(arguments: Arguments) -> ExitCode:
    """Ask what no option says, if a person is there; then write, and tell what comes next."""
    own = arguments.own
    folder = arguments.directory / own["folder"]
    name, framework = own["name"], own["framework"]
    if framework is not None:
        checked_framework(framework)
    if not own["yes"] and sys.stdin.isatty() and sys.stderr.isatty():
        name = name or _ask("name", default_name(folder.resolve()))
        framework = framework or _ask(f"framework ({', '.join(FRAMEWORKS)})", "sklearn")
    name = checked_name("a workspace's name", default_name(folder.resolve()) if name is None else name)
    tell(arguments, initialize(folder, name, framework or "sklearn"), own["folder"])
    return ExitCode.SUCCESS


def tell(arguments: Arguments, made: Beginning, folder: str = ".") -> None:
    """What was written on stdout, a line a file; what comes next on stderr."""
    for file in made.files:
        sys.stdout.write((json.dumps({"file": file}) if arguments.json else file) + "\n")
    sys.stdout.flush()
    entering = [] if folder == "." else [f"cd {folder}"]
    sys.stderr.write("".join(f"  {line}\n" for line in ["next:", *entering, *made.next]))


def _ask(what: str, default: str) -> str:
    sys.stderr.write(f"{what} [{default}]: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise BuildError(f"no answer for '{what}'", hint="give --name and --framework, or --yes for the defaults")
    return line.strip() or default
