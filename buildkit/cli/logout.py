"""Drop the logins that are kept for a registry, from all files and helpers that are looked in."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.login import logout
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`HOST`."""
    parser.add_argument("host", metavar="HOST", help="the registry")


def run(arguments: Arguments) -> ExitCode:
    """Drop, and say from where."""
    host = arguments.own["host"]
    with opened(arguments) as (session, _):
        dropped = logout(session, host)
    if arguments.json:
        rows = [{"file": str(kept.file), "helper": kept.helper or None} for kept in dropped]
        sys.stdout.write(json.dumps({"registry": host, "dropped": rows}) + "\n")
    for kept in [] if arguments.json else dropped:
        what = f"helper 'docker-credential-{kept.helper}'" if kept.helper else f"'{kept.file}'"
        sys.stdout.write(f"dropped the login for {host} from {what}\n")
    if not dropped:
        sys.stderr.write(f"no login was kept for {host}\n")
    return ExitCode.SUCCESS
