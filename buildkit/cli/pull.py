"""Bring an image out of a registry: into mbuild's store, or as a layout, an archive or a root file system."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.copy import Copied, pull
from buildkit.commands.sinks import FORMS
from buildkit.errors import BuildError, ExitCode

_OUTPUT = f"{FORMS}; may be repeated; else the store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`REFERENCE [--output KIND:PATH]... [--plain-http]`."""
    parser.add_argument("reference", metavar="HOST/REPOSITORY:TAG", help="which image; a digest too: …@sha256:…")
    parser.add_argument("--output", action="append", default=[], metavar="KIND:PATH", help=_OUTPUT)
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Pull; print the reference with its digest, or each output with that of what was written."""
    own = arguments.own
    bare, platform = chosen_platform(arguments)
    with opened(bare) as (session, _):
        copied = pull(session, own["reference"], own["output"], plain_http=own["plain_http"], platform=platform)
    for one in copied:
        print_copied(arguments, one)
    return ExitCode.SUCCESS


def chosen_platform(arguments: Arguments, *, has_targets: bool = False) -> tuple[Arguments, str]:
    """`--platform linux/arm64` chooses from an index; a label is what targets are built for. Gives what is left of the
    arguments, and the choice. BuildError for a label where there are no targets.
    """
    platform = arguments.platform or ""
    if not platform.startswith(("/", ":", "@")):
        return replace(arguments, platform=None), platform
    if not has_targets:
        raise BuildError(
            f"'--platform {platform}' is what targets are built for, and there is none here",
            hint="choose an image of an index by what it says, such as --platform linux/arm64",
        )
    return arguments, ""


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
