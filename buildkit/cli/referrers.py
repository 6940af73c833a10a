"""List what refers to an image: signatures, SBOMs and whatever else names it as its subject."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.referrers import referrers
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REFERENCE [--type TYPE] [--plain-http]`."""
    parser.add_argument("reference", metavar="HOST/REPOSITORY:TAG", help="which image; a digest too: …@sha256:…")
    parser.add_argument("--type", default="", metavar="TYPE", help="only those of this artifact type")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """One referrer a line: its digest and its type; with --json its descriptor."""
    own = arguments.own
    with opened(arguments) as (session, _):
        subject, found = referrers(session, own["reference"], own["type"], plain_http=own["plain_http"])
    for row in found:
        text = json.dumps(row.to_data()) if arguments.json else f"{row.digest} {_plain(row.artifact_type)}".rstrip()
        sys.stdout.write(text + "\n")
    if not found:
        sys.stderr.write(f"nothing refers to {subject}\n")
    return ExitCode.SUCCESS


def _plain(text: str) -> str:
    """Text of others, safe for a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
