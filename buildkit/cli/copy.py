"""Copy an image: from a registry, a layout or an archive to a registry, a layout, an archive or a root file system."""

from __future__ import annotations

import argparse

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.cli.pull import chosen_platform, print_copied
from buildkit.commands.copy import copy
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`SOURCE TARGET [--referrers] [--plain-http]`."""
    source = "HOST/REPOSITORY:TAG, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE"
    parser.add_argument("source", metavar="SOURCE", help=source)
    parser.add_argument("target", metavar="TARGET", help="the same forms, or rootfs:DIR; without a tag the source's")
    parser.add_argument("--referrers", action="store_true", help="also what refers to the image: signatures, SBOMs")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Copy; print the target with its digest."""
    own = arguments.own
    bare, platform = chosen_platform(arguments)
    with opened(bare) as (session, _):
        copied = copy(
            session,
            own["source"],
            own["target"],
            plain_http=own["plain_http"],
            platform=platform,
            with_referrers=own["referrers"],
        )
    print_copied(arguments, copied)
    return ExitCode.SUCCESS
