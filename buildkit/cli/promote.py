"""Let tags name what another reference names: a digest moves, bytes do not. Also in other repositories of the host."""

from __future__ import annotations

import argparse

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.cli.tag import print_tagged
from buildkit.commands.tags import promote
from buildkit.errors import ExitCode

_TO = "a tag, or HOST/REPOSITORY:TAG at the same host; may be repeated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REFERENCE --to TAG [--to TAG]... [--plain-http]`."""
    parser.add_argument("reference", metavar="HOST/REPOSITORY:TAG", help="which image; a digest too: …@sha256:…")
    parser.add_argument("--to", action="append", required=True, metavar="TAG", help=_TO)
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Promote; print each tag with its digest, and on stderr what it named before."""
    own = arguments.own
    with opened(arguments) as (session, _):
        tagged = promote(session, own["reference"], own["to"], plain_http=own["plain_http"])
    for one in tagged:
        print_tagged(arguments, one)
    return ExitCode.SUCCESS
