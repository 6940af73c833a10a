"""List the tags of a repository."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.tags import tags
from buildkit.errors import ExitCode, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REPOSITORY [--all] [--plain-http]`."""
    parser.add_argument("repository", metavar="HOST/REPOSITORY", help="where")
    parser.add_argument("--all", action="store_true", help="also those under which referrers are listed: sha256-…")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """One tag a line."""
    own = arguments.own
    with opened(arguments) as (session, _):
        found = tags(session, own["repository"], plain_http=own["plain_http"], every=own["all"])
    for name in found:
        row = {"reference": f"{own['repository']}:{name}", "tag": name}
        sys.stdout.write((json.dumps(row) if arguments.json else printable(name)) + "\n")
    if not found:
        sys.stderr.write(f"{own['repository']} has no tags\n")
    return ExitCode.SUCCESS
