"""Bring an image out of a registry: into mbuild's store, or as a layout, an archive or a root file system."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.copy import Copied, pull
from buildkit.errors import ExitCode

_OUTPUT = "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG] or rootfs:DIR; else the store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REFERENCE [--output KIND:PATH] [--plain-http]`."""
    parser.add_argument("reference", metavar="HOST/REPOSITORY:TAG", help="which image; a digest too: …@sha256:…")
    parser.add_argument("--output", metavar="KIND:PATH", help=_OUTPUT)
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Pull; print the reference with its digest."""
    own = arguments.own
    bare, platform = chosen_platform(arguments)
    with opened(bare) as (session, _):
        copied = pull(session, own["reference"], own["output"], plain_http=own["plain_http"], platform=platform)
    print_copied(arguments, copied)
    return ExitCode.SUCCESS


def chosen_platform(arguments: Arguments) -> tuple[Arguments, str]:
    """`--platform linux/arm64` chooses from an index; a label is what a target is built for, and means nothing here."""
    platform = arguments.platform or ""
    return replace(arguments, platform=None), "" if platform.startswith(("/", ":", "@")) else platform


def print_copied(arguments: Arguments, copied: Copied) -> None:
    """A line, or with --json an object."""
    if arguments.json:
        row = {
            "reference": copied.place,
            "digest": str(copied.digest),
            "uploaded": copied.uploaded,
            "mounted": copied.mounted,
            "skipped": copied.skipped,
            "referrers": copied.referrers,
        }
        sys.stdout.write(json.dumps(row) + "\n")
    else:
        by_digest = copied.place.endswith(str(copied.digest))
        sys.stdout.write(copied.place + ("" if by_digest else f" {copied.digest}") + "\n")
