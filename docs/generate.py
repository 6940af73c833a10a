"""Writes cli.md and rules/, beside this file, from what the parsers and the standard rules themselves say.

In: `buildkit.cli` and `rules/*.bzl`. Out: `pages()`: texts by file name; a test compares them
with what is committed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from buildkit.cli.arguments import common_parser
from buildkit.cli.main import COMMANDS
from buildkit.commands.docs import standard_reference
from buildkit.digest import Key
from buildkit.graph.config import Config
from buildkit.graph.loader import Loader
from buildkit.graph.query import AQUERY_FUNCTIONS, CQUERY_FUNCTIONS, FUNCTIONS
from buildkit.graph.workspace import Workspace, standard_rules

HERE = Path(__file__).resolve().parent

CLI_HEAD = """\
# The command line

```
mbuild [OPTION...] COMMAND [ARGUMENT...]
mbuild [OPTION...] TARGET...              the same as mbuild build TARGET...
```

A target is a label (`//models:fraud`, `:fraud`, `//models` for `//models:models`) or a pattern: `//...` is everything,
`//models/...` all below a folder, `//models:all` one package, `-//models:slow` takes away what came before it.
This page is generated from the parsers (`python docs/generate.py`).
"""

CLI_TAIL = """\
## What is printed, and exit codes

stdout carries results only: `label digest`, one line a target. An image's digest is its manifest's, one file's its
sha256, several files' the sha256 of their canonical tree. With `--json` each line is an object. Everything else
(progress, warnings, errors) goes to stderr; colours and a live display only on a terminal, and `NO_COLOR` is obeyed.

| code | meaning |
|---|---|
| 0 | success |
| 1 | the build failed: an action, a hash mismatch, the content of an archive |
| 2 | a mistake in the command line, a BUILD file or a lock (a stale one too) |
| 3 | tests failed |
| 4 | what was named holds no tests |
| 8 | interrupted |
| 36 | the environment: full disk, permission, unreachable or refusing server, no sandbox possible |
| 37 | an internal error: a bug of mbuild |

## Environment variables

| variable | effect |
|---|---|
| `MBUILD_CACHE` | the store's folder, where `--cache-dir` is not given |
| `NO_COLOR` | no colours |
| `DOCKER_AUTH_CONFIG` | [logins for registries](registries.md#logins) themselves |
| `DOCKER_CONFIG`, `REGISTRY_AUTH_FILE`, `XDG_RUNTIME_DIR` | where logins for registries are looked for |
| `PIP_*`, `UV_*`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | as pip, uv and requests know them |

The store is where `--cache-dir` says, else `MBUILD_CACHE`, else `[cache] dir` of [mbuild.toml](workspace.md), else
`mbuild` in the user's cache folder.
"""


class Nothing:
    """A cache that keeps nothing."""

    def get(self, key: Key) -> bytes | None:
        """Nothing is known."""
        return None

    def put(self, key: Key, data: bytes) -> None:
        """Forget it."""


def pages() -> dict[str, str]:
    """The generated pages' texts, by their paths from this folder."""
    return {
        "cli.md": "\n".join(_cli()).rstrip() + "\n",
        "../buildkit/cli/completion.json": json.dumps(_completion(), indent=1, ensure_ascii=False) + "\n",
        **{f"rules/{name}": text for name, text in _rules().items()},
    }


def _rules() -> dict[str, str]:
    """What `mbuild docs @mbuild//rules` writes."""
    workspace = Workspace(HERE, Config(), standard_rules())
    return standard_reference(Loader(workspace, Nothing(), lambda span, text: None))


def _completion() -> dict[str, Any]:
    """What a shell may complete without importing any command."""
    commands = {}
    for name, help in COMMANDS.items():
        parser = argparse.ArgumentParser(add_help=False)
        importlib.import_module(f"buildkit.cli.{name}").add_arguments(parser)
        words = _words(parser)
        functions = _FUNCTIONS.get(name, {}) if words["value"] in ("EXPRESSION", "LABEL") else {}
        known = {one: function.doc for one, function in functions.items()}
        commands[name] = {"help": help, "options": _all_completed(parser), "words": words | {"functions": known}}
        if actions := _actions(parser):
            commands[name]["actions"] = {
                action: {"help": one.description, "options": _all_completed(one), "words": _words(one)}
                for action, one in actions.items()
            }
    return {"common": _all_completed(common_parser()), "commands": commands}


def _actions(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """A command's own commands, such as those of `mbuild image`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _words(parser: argparse.ArgumentParser) -> dict[str, Any]:
    first = next((action for action in parser._actions if not action.option_strings), None)
    return ({"value": "", "choices": []} if first is None else _completed(first)) | {"functions": {}}


def _all_completed(parser: argparse.ArgumentParser) -> dict[str, Any]:
    return {
        option: _completed(action) | {"help": action.help}
        for action in parser._actions
        for option in action.option_strings
        if not isinstance(action, argparse._HelpAction)
        if option == "-C" or (option.startswith("--") and "_" not in option and ":" not in option)
    }


def _completed(action: argparse.Action) -> dict[str, Any]:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    return {"value": value, "choices": [str(choice) for choice in action.choices or ()]}


_FUNCTIONS = {"query": FUNCTIONS, "cquery": CQUERY_FUNCTIONS, "aquery": AQUERY_FUNCTIONS, "graph": FUNCTIONS}


def _cli() -> Iterator[str]:
    yield CLI_HEAD
    yield "## Options of every command\n"
    yield "They may stand anywhere on the line.\n"
    yield from _options(common_parser())
    for name in COMMANDS:
        command = importlib.import_module(f"buildkit.cli.{name}")
        parser = argparse.ArgumentParser(prog=f"mbuild {name}", add_help=False)
        command.add_arguments(parser)
        yield f"## mbuild {name}\n"
        yield f"{inspect.cleandoc(command.__doc__ or '').splitlines()[0]}\n"
        yield from _options(parser)
        for action, one in _actions(parser).items():
            yield f"### mbuild {name} {action}\n"
            yield f"{str(one.description).capitalize()}.\n"
            yield from _options(one)
    yield CLI_TAIL


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    if not parser._actions:
        return
    yield "| | |\n|---|---|"
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        shown = [" ".join(filter(None, (option, _value(action)))) for option in action.option_strings]
        yield f"| `{', '.join(shown) or _value(action)}` | {action.help} |".replace("...", "…")
    yield ""


def _value(action: argparse.Action) -> str:
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return "" if action.nargs == 0 else str(action.metavar or action.dest.upper())


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).parent.mkdir(exist_ok=True)
        (HERE / file).write_text(text, encoding="utf-8")
