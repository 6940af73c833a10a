"""Give an image of a registry further tags; nothing but the tags is written."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.tags import Tagged, tag
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REFERENCE TAG... [--plain-http]`."""
    parser.add_argument("reference", metavar="HOST/REPOSITORY:TAG", help="which image; a digest too: …@sha256:…")
    parser.add_argument("tags", nargs="+", metavar="TAG", help="a tag of the same repository")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Tag; print each tag with its digest, and on stderr what it named before."""
    own = arguments.own
    with opened(arguments) as (session, _):
        tagged = tag(session, own["reference"], own["tags"], plain_http=own["plain_http"])
    for one in tagged:
        print_tagged(arguments, one)
    return ExitCode.SUCCESS


def print_tagged(arguments: Arguments, tagged: Tagged) -> None:
    """A line on stdout and one on stderr, or with --json an object."""
    place, before = str(tagged.place), str(tagged.before) if tagged.before else None
    if arguments.json:
        row = {
            "reference": place,
            "digest": str(tagged.digest),
            "before": before,
            "mounted": tagged.mounted,
            "copied": tagged.copied,
        }
        sys.stdout.write(json.dumps(row) + "\n")
        return
    if before != str(tagged.digest):
        sys.stderr.write(f"{place} named {before or 'nothing'} before\n")
    if tagged.copied:
        sys.stderr.write(f"the registry did not mount {tagged.copied} bytes: they were copied\n")
    sys.stdout.write(f"{place}@{tagged.digest}\n")
