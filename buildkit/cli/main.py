"""The command line: which command, with which options; how what it raises becomes text and an exit code.

In: argv. Out: an exit code; results on stdout, everything else on stderr. A command's own file is imported only when it
is called, so that `mbuild version` costs no more than Python itself.
"""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from buildkit.cli.arguments import (
    Arguments,
    CommandParser,
    common_parser,
    read_line,
    restore_negative,
    shield_negative,
)
from buildkit.cli.configs import directory_of, with_configs
from buildkit.errors import BuildError, BuildErrors, ExitCode, InternalError, did_you_mean, render

COMMANDS = {
    "build": "build targets (also without the word: mbuild //models:fraud)",
    "test": "run tests; passes are cached",
    "run": "serve an image's models on this machine",
    "predict": "start an image's server, ask it once, print the answer",
    "push": "build an image and push it to a registry",
    "pull": "bring an image out of a registry: to a layout, an archive, a folder",
    "copy": "copy an image between registries, layouts and archives",
    "tag": "give an image of a registry further tags",
    "promote": "let a tag name another image of its registry; no bytes move",
    "tags": "list the tags of a repository",
    "referrers": "list what refers to an image: signatures, SBOMs",
    "attach": "attach files to an image in its registry",
    "login": "log in to a registry, and keep the login where docker and podman do",
    "logout": "drop the logins that are kept for a registry",
    "image": "look into images: inspect, layers, files, diff, validate",
    "lock": "resolve dependencies and write their locks",
    "fetch": "bring what targets need from outside into the store, to build --offline",
    "query": "print the targets that an expression names: 'deps(//a:b)', 'kind(rule, //...)'",
    "cquery": "the same in one configuration: selects resolved (--platform, --define)",
    "aquery": "print the actions of targets: command, inputs, outputs, key",
    "graph": "draw what a target needs, as SVG or HTML",
    "init": "make a workspace that builds",
    "new": "add a model, a runtime or a rule to a package",
    "fmt": "format BUILD and .bzl files as buildifier does",
    "lint": "find what works in BUILD and .bzl files but should not stay",
    "eval": "run one .bzl file by itself",
    "docs": "write the reference of rules from their doc strings",
    "completion": "print a script that completes commands, options and labels",
    "version": "print mbuild's version",
}

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main() -> NoReturn:
    """The entry point of `mbuild`."""
    if sys.getfilesystemencoding() != "utf-8":
        # In other locales paths would be other texts, and digests with them: once more, as if in a UTF-8 one.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for name in ("stdin", "stdout", "stderr"):  # None where whoever started us closed them
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: what cannot be shown is written out
    # Whoever cancels a job sends SIGTERM: it ends a build as Ctrl-C does, so that nothing is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Modules, syntax and graphs live to the end: looking for garbage among them took a tenth of a short run. A push
    # has 46,000 objects at its end; with 50,000 here, one look at most of them took it 15 ms.
    gc.set_threshold(200_000)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has gone
        code = ExitCode.SUCCESS
    except OSError as error:
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        _say(f"error: cannot write the results: {(error.strerror or str(error)).lower()}{notes}")
        code = ExitCode.ENVIRONMENT
    sys.stderr.flush()
    # At once: Python would wait for threads that wait for servers, and take every value apart.
    atexit._run_exitfuncs()
    os._exit(code)


def run(argv: Sequence[str]) -> ExitCode:
    """One invocation. Everything that can go wrong is told on stderr."""
    arguments: Arguments | None = None
    if list(argv[:1]) == ["complete"]:  # asked by a shell at each press of the tab key
        return _complete(argv[1:])
    try:
        arguments, command = _read(argv)
        if arguments is None or command is None:
            return ExitCode.SUCCESS
        code: ExitCode = command.run(arguments)
        return code
    except (BuildError, BuildErrors) as error:
        for fault in error.errors if isinstance(error, BuildErrors) else (error,):
            _say(render(fault, arguments.read_line if arguments else partial(read_line, directory_of(argv))))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except MemoryError:
        _say("error: out of memory\nhint: let fewer actions run at once with --jobs")
        return ExitCode.ENVIRONMENT
    except OSError as error:
        if error.errno in _UNWRITABLE and error.filename is None:  # no file's: what it was writing are the results
            raise
        _say(f"error: {error}")
        return ExitCode.ENVIRONMENT
    except Exception as error:
        return _internal(error)


def _complete(words: Sequence[str]) -> ExitCode:
    from buildkit.cli.complete import complete  # late: only shells ask

    sys.stdout.write(complete(words, Path.cwd()))
    return ExitCode.SUCCESS


def _read(argv: Sequence[str]) -> tuple[Arguments | None, ModuleType | None]:
    common, rest = common_parser().parse_known_args(shield_negative(with_configs(argv)))
    if rest[:1] == ["help"] and len(rest) > 1:
        rest = [rest[1], "--help"]
    if not rest or rest[0] in ("-h", "--help", "help"):
        sys.stdout.write(_usage())
        return None, None
    rest[0] = "version" if rest[0] == "--version" else rest[0]
    name = rest.pop(0) if rest[0] in COMMANDS else "build"
    if name == "build" and _is_misspelt(rest):
        if rest[0] in COMMANDS:
            raise BuildError(f"'{rest[0]}' is no target", hint=f"write 'mbuild {rest[0]} …', without 'build'")
        raise BuildError(
            f"unknown command '{rest[0]}'",
            hint=did_you_mean(rest[0], COMMANDS) or f"a target is written ':{rest[0]}'; see 'mbuild --help'",
        )
    command = importlib.import_module(f"buildkit.cli.{name}")
    parser = CommandParser(prog=f"mbuild {name}", description=command.__doc__, allow_abbrev=False)
    command.add_arguments(parser)
    # Options may stand among the arguments: `push //:x --plain-http HOST/NAME:TAG`.
    own = parser.parse_args(rest) if parser._subparsers else parser.parse_intermixed_args(rest)
    return Arguments.of(common, restore_negative(own)), command


def _is_misspelt(rest: Sequence[str]) -> bool:
    """Whether the first word is meant as a command: a label has a colon, a slash or dots."""
    return bool(rest) and rest[0].isidentifier() and not any(":" in word or "/" in word for word in rest[:1])


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: mbuild [OPTION...] COMMAND [ARGUMENT...]",
            "       mbuild [OPTION...] TARGET...",
            "",
            *lines,
            "",
            common_parser().format_help().partition("options:")[2].strip("\n"),
            "",
            "'mbuild COMMAND --help' tells more.",
            "",
        ]
    )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _internal(error: Exception) -> ExitCode:
    import traceback  # late: only a bug of ours needs it

    traceback.print_exception(error)
    what = str(error) if isinstance(error, InternalError) else f"{type(error).__name__}: {error}"
    _say(f"internal error: {what}\nhint: this is a bug of mbuild; please report it with the lines above")
    return ExitCode.INTERNAL
