"""Build targets; print each one's digest."""

from __future__ import annotations

import argparse

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened, print_results
from buildkit.commands.build import build
from buildkit.commands.export import export, parse_output
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET... [--output KIND:PATH]`."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="//package:name, //package/..., -//left/out")
    parser.add_argument("--output", metavar="KIND:PATH", help="also write oci:DIR or docker-archive:FILE")


def run(arguments: Arguments) -> ExitCode:
    """Build, print, write."""
    output = arguments.own["output"]
    if output:
        parse_output(output)
    with opened(arguments) as (session, report):
        result = build(session, arguments.own["targets"])
        report.finish(not result.faults)
        print_results(arguments, result.built)
        result.checked()
        if output:
            export(session, result, output)
    return ExitCode.SUCCESS
