"""Print mbuild's version."""

from __future__ import annotations

import argparse
import sys

from buildkit import __version__
from buildkit.cli.arguments import Arguments
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(arguments: Arguments) -> ExitCode:
    """Print it."""
    sys.stdout.write((f'{{"version": "{__version__}"}}' if arguments.json else f"mbuild {__version__}") + "\n")
    return ExitCode.SUCCESS
