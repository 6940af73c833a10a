"""Build an image and push it to a registry; the tag is written last."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.images import is_reference
from buildkit.commands.push import plan, push
from buildkit.commands.sinks import is_sink
from buildkit.errors import BuildError, ExitCode, without_login
from buildkit.report.pushing import plan_data, plan_lines, pushed_data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET [REFERENCE] [--plan] [--plain-http]`."""
    parser.add_argument("target", metavar="TARGET", help="an image or an image_push")
    parser.add_argument("reference", nargs="?", metavar="HOST/REPOSITORY:TAG", help="where to")
    parser.add_argument("--plan", action="store_true", help="print what would be uploaded, mounted and skipped")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Push; print the reference with its digest. Or print what a push would do."""
    own = arguments.own
    if is_sink(own["target"]) or is_reference(own["target"]):
        source = without_login(own["target"])
        hint = f"write 'mbuild copy {source} {without_login(own['reference'] or 'HOST/REPOSITORY:TAG')}'"
        raise BuildError(f"'{source}' is an image, and no target", hint=hint)
    with opened(arguments) as (session, report):
        asked = (session, own["target"], own["reference"])
        if own["plan"]:
            planned = plan(*asked, plain_http=own["plain_http"])
            lines = [json.dumps(plan_data(planned))] if arguments.json else [*plan_lines(planned)]
        else:
            done = push(*asked, plain_http=own["plain_http"])
            place, digest = done.reference, done.contents.root.digest
            lines = [json.dumps(pushed_data(done)) if arguments.json else f"{place.host}/{place.repository}@{digest}"]
        report.finish(True)
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except OSError as error:
        if not own["plan"]:
            error.add_note("the push itself succeeded")
        raise
    return ExitCode.SUCCESS
