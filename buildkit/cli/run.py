"""Serve an image's models on this machine, until Ctrl-C; or run what an executable rule makes."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.program import run_program
from buildkit.commands.run import Server
from buildkit.commands.run import run as serve
from buildkit.errors import BuildFailure, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET [--port N] [-- ARG...]`."""
    parser.add_argument("target", metavar="TARGET", help="a model_image, or a target of an executable rule")
    parser.add_argument("arguments", metavar="ARG", nargs="*", help="what an executable is given, after --")
    parser.add_argument("--port", type=_port, metavar="N", help="where HTTP is served (default: the image's, if free)")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be a port from 1 to 65535, found {text!r}")
    return int(text)


def run(arguments: Arguments) -> ExitCode:
    """Serve; Ctrl-C is how it is meant to end. A program runs to its end."""
    started: list[Server] = []

    def ready(server: Server) -> None:
        started.append(server)
        row = {"label": str(server.label), "ports": dict(server.ports), "url": server.url("")}
        text = json.dumps(row) if arguments.json else f"{server.label} listens on {server.url('')}"
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    with opened(arguments) as (session, _):
        code = run_program(session, arguments.own["target"], arguments.own["arguments"])
        if code == 0:
            return ExitCode.SUCCESS
        if code is not None:
            raise BuildFailure(f"'{arguments.own['target']}' ended with exit code {code}")
        try:
            serve(session, arguments.own["target"], arguments.own["port"], ready)
        except KeyboardInterrupt:
            if not started:
                raise
            return ExitCode.SUCCESS
    raise BuildFailure(f"the server of '{started[0].label}' ended by itself")
