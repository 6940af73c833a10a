"""Log in to a registry; the login is checked, then kept where docker and podman keep theirs."""

from __future__ import annotations

import argparse
import json
import sys

from buildkit.cli.arguments import Arguments
from buildkit.cli.opening import opened
from buildkit.commands.login import check_host, login
from buildkit.errors import BuildError, ExitCode

_LARGEST = 1 << 20  # characters of a secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`HOST [-u USER] [--password-stdin] [--plain-http]`."""
    parser.add_argument("host", metavar="HOST", help="the registry, such as registry.example:5000")
    parser.add_argument("-u", "--username", metavar="USER", help="the account; '<token>' for an identity token")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS")


def run(arguments: Arguments) -> ExitCode:
    """Ask for what is missing, check it, keep it."""
    own = arguments.own
    host = check_host(own["host"])
    username, secret = _asked(own["username"], own["password_stdin"])
    with opened(arguments) as (session, _):
        kept = login(session, host, username, secret, plain_http=own["plain_http"])
    row = {"registry": host, "username": username, "file": str(kept.file), "helper": kept.helper or None}
    sys.stdout.write((json.dumps(row) if arguments.json else f"logged in to {host} as {username}") + "\n")
    return ExitCode.SUCCESS


def _asked(username: str | None, from_stdin: bool) -> tuple[str, str]:
    if from_stdin:
        if not username:
            raise BuildError("'--password-stdin' needs a user", hint="name the account with '-u USER'")
        return username, _checked(_piped().removesuffix("\n").removesuffix("\r"))
    if not sys.stdin.isatty():
        raise BuildError(
            "there is no terminal to ask for the password at", hint="pass it to '-u USER --password-stdin'"
        )
    from getpass import getpass  # late: nobody else needs it

    if not username:
        sys.stderr.write("user: ")
        sys.stderr.flush()
        username = sys.stdin.readline().strip()
    if not username:
        raise BuildError("the user is empty")
    return username, _checked(getpass("password: ", sys.stderr))


def _piped() -> str:
    try:
        return sys.stdin.read(_LARGEST)
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "surrogateescape")  # refused with a name by who makes a login of it


def _checked(secret: str) -> str:
    if not secret:
        raise BuildError("the password is empty")
    return secret
