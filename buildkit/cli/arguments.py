"""Options that every command takes, anywhere on the command line.

In: argv. Out: `Arguments`: the common options, a command's own, and how to read a source line for an error.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, NoReturn

from buildkit.errors import BuildError, did_you_mean
from buildkit.records import dataclass

# argparse takes a word that begins with '-' for an option; a pattern such as -//x is passed with this sign instead.
_MINUS = "\N{MINUS SIGN}"


# What argparse says of an argument → what mbuild says.
_SAID = (
    (r"unrecognized arguments: (-\S+).*", r"unknown option '\1'"),
    (r"unrecognized arguments: (\S+).*", r"unexpected argument '\1'"),
    (r"the following arguments are required: (.+)", r"missing argument '\1'"),
    (r"argument (?:-\w/)?(\S+): expected (?:one|at least one) argument", r"'\1' needs a value"),
    (r"argument (?:-\w/)?(\S+): ignored explicit argument (.+)", r"'\1' takes no value, found \2"),
    (r"argument (?:-\w/)?(\S+): invalid \w+ value: (.+)", r"'\1' cannot be \2"),
    (r"argument (?:-\w/)?(\S+): (.+)", r"'\1' \2"),
)


class CommandParser(argparse.ArgumentParser):
    """A parser whose faults are told as all others are."""

    _words: Sequence[str] = ()

    def parse_known_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The same; what was given is kept for `error`."""
        self._words = args or ()
        return super().parse_known_intermixed_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise a BuildError (exit code 2)."""
        said = message.replace(_MINUS, "-")
        taken = [word for word in self._words if re.match("-[^-]", word)]
        if taken and said.endswith("are required: TAG"):
            raise BuildError(f"'{taken[0]}' is not a tag", hint="a tag begins with a letter, a digit or '_'")
        for pattern, words in _SAID:
            if found := re.fullmatch(pattern, said):
                said = found.expand(words)
                break
        known = [option for action in self._actions for option in action.option_strings]
        near = did_you_mean(said.split("'")[1], known) if said.startswith("unknown option") else None
        raise BuildError(said, hint=near or f"see '{self.prog} --help'")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices, name = (
            list(map(str, action.choices)),
            action.option_strings[-1:] or [str(action.metavar or action.dest)],
        )
        listed = ", ".join(f"'{choice}'" for choice in choices)
        hint = did_you_mean(str(value), choices) or f"see '{self.prog} --help'"
        raise BuildError(f"'{name[0]}' must be one of {listed}, found '{value}'", hint=hint)


def common_parser() -> argparse.ArgumentParser:
    """The options of every command."""
    parser = CommandParser(prog="mbuild", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("-C", dest="directory", metavar="DIR", default=".", help="work as if started in DIR")
    add("-j", "--jobs", type=_positive, default=0, metavar="N", help="actions at once (default: one a core)")
    add("-k", "--keep-going", action="store_true", help="after a fault or failure, build what does not depend on it")
    add("--offline", action="store_true", help="never use the network")
    add("--cache-dir", metavar="DIR", help="where the store is (or MBUILD_CACHE)")
    add(
        "--sandbox",
        choices=("auto", "bubblewrap", "namespaces", "none"),
        default="auto",
        help="how actions are closed in",
    )
    shared = "what may be done with the registry of [cache] in mbuild.toml"
    add("--registry-cache", choices=("read-write", "read", "off"), help=shared)
    add("--json", action="store_true", help="print results as JSON, one object a line")
    add("--platform", "--platforms", metavar="LABEL", help="where images are to run (default: linux/amd64)")
    host = "where the programs of actions run; 'auto': as this machine (default: linux/amd64)"
    add("--stamp", action="store_true", help="tell images the git revision: in labels, annotations and tags")
    add("--host-platform", "--host_platform", metavar="LABEL", help=host)
    add("--define", action="append", default=[], type=_define, metavar="NAME=VALUE", help="a value for config_setting")
    add("--config", action="append", default=[], metavar="NAME", help="the flags of [config.NAME] in mbuild.toml")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, found {text!r}")
    return int(text)


def _define(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, found {text!r}")
    return name, value


def shield_negative(argv: Sequence[str]) -> list[str]:
    """Mark patterns such as -//x, so that they are not taken for options."""
    return [_MINUS + word[1:] if word.startswith(("-//", "-:")) else word for word in argv]


def restore_negative(own: argparse.Namespace) -> dict[str, Any]:
    """Undo `shield_negative` in what was parsed."""
    return {name: _restored(value) for name, value in vars(own).items()}


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return "-" + value[1:] if isinstance(value, str) and value.startswith(_MINUS) else value


@dataclass(frozen=True, slots=True)
class Arguments:
    """One invocation's options: the common ones, and the command's own by name."""

    directory: Path
    jobs: int
    keep_going: bool
    offline: bool
    cache_dir: Path | None
    sandbox: str
    json: bool
    platform: str | None
    host_platform: str | None
    stamp: bool
    registry_cache: str | None
    defines: tuple[tuple[str, str], ...]
    environment: Mapping[str, str]
    own: Mapping[str, Any]
    texts: dict[str, str] = field(default_factory=dict)  # those that are in no file, by what errors call them

    def read_stdin(self) -> str:
        """The standard input, as '<stdin>'; bytes that are not UTF-8 become lone surrogates."""
        text = self.texts["<stdin>"] = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        return text

    @classmethod
    def of(cls, common: argparse.Namespace, own: Mapping[str, Any]) -> Arguments:
        """Take both parsers' results. Reads the working folder and the environment."""
        directory = Path(common.directory).absolute()
        if not directory.is_dir():
            raise BuildError(f"'-C' must name a folder, found '{common.directory}'")
        return cls(
            directory=directory,
            jobs=common.jobs,
            keep_going=common.keep_going,
            offline=common.offline,
            cache_dir=Path(common.cache_dir).absolute() if common.cache_dir else None,
            sandbox=common.sandbox,
            json=common.json,
            platform=common.platform,
            host_platform=common.host_platform,
            stamp=common.stamp,
            registry_cache=common.registry_cache,
            defines=tuple(common.define),
            environment=dict(os.environ),
            own=own,
        )

    def read_line(self, path: str, number: int) -> str | None:
        """A line of a source file, for an error: paths are from the workspace's root; or of a query's expression."""
        if path in self.texts:
            return _line_of(self.texts[path], number)
        if path == "<starlark>":
            return _line_of(self.own.get("starlark_expr") or "", number)
        if path == "<expression>":
            file, words = self.own.get("query_file"), self.own.get("expression") or ()
            return _line(self.directory / file, number) if file else [*" ".join(words).split("\n"), ""][number - 1]
        if "program" in self.own:  # of `mbuild eval`, which needs no workspace
            return _line(self.directory / path, number)
        return read_line(self.directory, path, number)


def read_line(directory: Path, path: str, number: int) -> str | None:
    """A line of a file of the workspace that a folder is in; None where there is none."""
    for folder in (directory, *directory.parents):
        if (folder / "mbuild.toml").is_file():
            return _line(folder / path, number)
    return None


def _line(path: Path, number: int) -> str | None:
    try:
        return _line_of(path.read_text(encoding="utf-8", errors="replace"), number)
    except OSError:
        return None


def _line_of(text: str, number: int) -> str | None:
    lines = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else None
