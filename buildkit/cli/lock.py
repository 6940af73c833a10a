"""Resolve what targets ask for, and write their locks; --check says which locks are stale."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.lock import check, lock
from buildkit.errors import BuildError, ExitCode, raise_errors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`[TARGET...] [--check] [--allow-unsigned]`."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="targets with locks (default: //...)")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a lock is stale")
    parser.add_argument("--allow-unsigned", action="store_true", help="take a Debian release without checking its key")


def run(arguments: Arguments) -> ExitCode:
    """Lock or check; a line a lock."""
    patterns = arguments.own["targets"] or ["//..."]
    with opened(arguments) as (session, _):
        if arguments.own["check"]:
            locked, faults = check(session, patterns), list[BuildError]()
        else:
            locked, faults = lock(session, patterns, allow_unsigned=arguments.own["allow_unsigned"])
    for item in locked:
        word = "written" if item.changed else "current"
        row = {"label": str(item.label), "file": item.file, "changed": item.changed}
        text = json.dumps(row) if arguments.json else f"{item.label} {item.file} {word}"
        sys.stdout.write(text + "\n")
    raise_errors(faults)
    return ExitCode.SUCCESS
