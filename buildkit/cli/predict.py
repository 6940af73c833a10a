"""Start an image's server, send it one request, print the answer, stop it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.run import predict
from buildkit.errors import BuildError, ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`TARGET --input FILE [--request NAME]`."""
    parser.add_argument("target", metavar="TARGET", help="a model_image")
    parser.add_argument("--input", required=True, metavar="FILE", help="the request's body; - is standard input")
    parser.add_argument("--request", default="predict", metavar="NAME", help="which of the image's requests to send")


def run(arguments: Arguments) -> ExitCode:
    """Ask, print."""
    body = _read(arguments.directory, arguments.own["input"])
    with opened(arguments) as (session, report):
        answer = predict(session, arguments.own["target"], body, arguments.own["request"])
        report.finish(True)
    sys.stdout.write(answer.decode(errors="replace").rstrip("\n") + "\n")
    return ExitCode.SUCCESS


def _read(directory: Path, name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise BuildError(f"cannot read the input '{name}': {(error.strerror or str(error)).lower()}") from None
