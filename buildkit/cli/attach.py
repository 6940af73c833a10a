"""Attach files to an image in its registry: an SBOM, a report, a card. They name the image as their subject."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.referrers import attach
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REFERENCE FILE... --type TYPE [--media-type TYPE] [--annotation NAME=VALUE]... [--plain-http]`."""
    parser.add_argument("reference", metavar="HOST/REPOSITORY:TAG", help="which image; a digest too: …@sha256:…")
    parser.add_argument("files", nargs="+", metavar="FILE", help="what to attach")
    parser.add_argument("--type", required=True, metavar="TYPE", help="what it is, such as application/spdx+json")
    parser.add_argument("--media-type", metavar="TYPE", help="the files' media type (default: that of --type)")
    parser.add_argument(
        "--annotation", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="of the referrer"
    )
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, found {text!r}")
    return name, value


def run(arguments: Arguments) -> ExitCode:
    """Attach; print the referrer by its digest."""
    own = arguments.own
    with opened(arguments) as (session, _):
        place, descriptor = attach(
            session,
            own["reference"],
            own["files"],
            own["type"],
            own["media_type"] or own["type"],
            dict(own["annotation"]),
            plain_http=own["plain_http"],
        )
    where = f"{place.host}/{place.repository}@{descriptor.digest}"
    row = {"reference": where, **descriptor.to_data()}
    sys.stdout.write((json.dumps(row) if arguments.json else where) + "\n")
    return ExitCode.SUCCESS
