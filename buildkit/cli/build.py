"""Build targets; print each one's digest."""

from __future__ import annotations

import argparse

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened, print_results
from buildkit.commands.build import build
from buildkit.commands.sinks import FORMS, parse_sink
from buildkit.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET... [--output KIND:PATH]...`."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="//package:name, //package/..., -//left/out")
    several = f"also write {FORMS}; may be repeated"
    parser.add_argument("--output", action="append", default=[], metavar="KIND:PATH", help=several)


def run(arguments: Arguments) -> ExitCode:
    """Build, print, write."""
    sinks = [parse_sink(output) for output in arguments.own["output"]]
    with opened(arguments) as (session, report):
        result = build(session, arguments.own["targets"])
        report.finish(not result.faults)
        print_results(arguments, result.built)
        result.checked()
        if sinks:
            from buildkit.commands.export import export  # late: few builds write what they built elsewhere

            export(session, result, sinks)
    return ExitCode.SUCCESS
