"""Build an image and push it to a registry; the tag is written last."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.push import push
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET [REFERENCE] [--plain-http]`."""
    parser.add_argument("target", metavar="TARGET", help="a model_image or a model_volume")
    parser.add_argument("reference", nargs="?", metavar="HOST/REPOSITORY:TAG", help="where to")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Push; print the reference with its digest."""
    own = arguments.own
    with opened(arguments) as (session, report):
        reference, digest = push(session, own["target"], own["reference"], plain_http=own["plain_http"])
        report.finish(True)
    place = f"{reference.host}/{reference.repository}"
    row = {"reference": str(reference), "digest": str(digest)}
    sys.stdout.write((json.dumps(row) if arguments.json else f"{place}@{digest}") + "\n")
    return ExitCode.SUCCESS
