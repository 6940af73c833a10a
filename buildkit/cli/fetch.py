"""Bring the files from outside that targets need into the store: then --offline builds them."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.fetch import fetch
from buildkit.digest import size_text
from buildkit.errors import BuildErrors, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET...`."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="//package:name, //package/..., -//left/out")


def run(arguments: Arguments) -> ExitCode:
    """A line a target: how many files, how many bytes."""
    with opened(arguments) as (session, report):
        fetched, faults = fetch(session, arguments.own["targets"])
        report.finish(not faults)
        for one in fetched:
            row = {"label": str(one.label), "files": one.files, "size": one.size}
            files = "1 file" if one.files == 1 else f"{one.files} files"
            sys.stdout.write(
                (json.dumps(row) if arguments.json else f"{one.label} {files}, {size_text(one.size)}") + "\n"
            )
        if faults:
            raise BuildErrors(faults)
    return ExitCode.SUCCESS
