"""Writes rules.md and cli.md, beside this file, from what the rules and the parsers themselves say.

In: `rules/*.bzl` and `buildkit.cli`. Out: `pages()`: texts by file name; a test compares them
with what is committed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

from buildkit.cli.arguments import common_parser
from buildkit.cli.main import COMMANDS
from buildkit.digest import Key
from buildkit.graph.attribute import Attribute
from buildkit.graph.config import Config
from buildkit.graph.instance import Provider
from buildkit.graph.loader import Loader
from buildkit.graph.modules import PRELUDE
from buildkit.graph.rule import Rule
from buildkit.graph.workspace import Workspace, standard_rules
from buildkit.label import Label
from buildkit.lang import Function, Value, represent

HERE = Path(__file__).resolve().parent

# The order of the page: from what is there to what is made of it.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Files": ("filegroup", "genrule", "http_file", "python_sources"),
    "Dependencies": ("python_packages", "debian_packages"),
    "Runtimes and models": ("runtime", "model", "trained_model", "tensor"),
    "Images": ("model_image", "model_volume"),
    "Tests": ("model_test",),
}
PROVIDERS = ("layers.bzl", "runtime.bzl", "model.bzl", "python.bzl")
TYPES = {"data": "plain data", "label_list": "labels", "string_list": "strings", "string_dict": "dict of strings"}
TYPES |= {"output_list": "file names", "lock": "a lock's name"}

RULES_HEAD = """\
# The standard rules

Every BUILD file knows these without a `load`. They are written in the same language as your own rules and have no
powers that yours lack: read `rules/*.bzl`. This page is generated from them (`python docs/generate.py`).

All rules take `name` (mandatory), `visibility` (a list of `//visibility:public`, `//visibility:private`, `//a:__pkg__`,
`//a:__subpackages__`; by default the package's) and `tags` (strings that mbuild gives no meaning to).
"""

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
| `DOCKER_CONFIG`, `REGISTRY_AUTH_FILE`, `XDG_RUNTIME_DIR` | where logins for registries are looked for |
| `PIP_*`, `UV_*`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | as pip, uv and requests know them |

The store is where `--cache-dir` says, else `MBUILD_CACHE`, else `[cache] dir` of [mbuild.toml](workspace.md), else
`mbuild` in the user's cache folder.
"""


def pages() -> dict[str, str]:
    """The generated pages' texts, by file name."""
    return {"rules.md": "\n".join(_rules()).rstrip() + "\n", "cli.md": "\n".join(_cli()).rstrip() + "\n"}


class _Nothing:
    """A cache that keeps nothing."""

    def get(self, key: Key) -> bytes | None:
        """Nothing is known."""
        return None

    def put(self, key: Key, data: bytes) -> None:
        """Forget it."""


def loader() -> Loader:
    """Loads the standard rules, as a workspace would."""
    return Loader(Workspace(HERE, Config(), standard_rules()), _Nothing(), lambda span, text: None)


def standard() -> dict[str, Value]:
    """What every BUILD file sees of the standard rules."""
    return {name: value for name, value in loader().module(PRELUDE).items() if not name.startswith("_")}


def providers() -> dict[str, Provider]:
    """The providers that the standard rules define, for rules of one's own."""
    found: dict[str, Provider] = {}
    for file in PROVIDERS:
        module = loader().module(Label("mbuild", "rules", file))
        found |= {name: value for name, value in module.items() if isinstance(value, Provider) and value.fields}
    return found


def _rules() -> Iterator[str]:
    known = standard()
    yield RULES_HEAD
    for group, names in GROUPS.items():
        yield f"## {group}\n"
        for name in names:
            value = known[name]
            yield from _rule(name, value) if isinstance(value, Rule) else _function(name, value)
    yield "## Providers, for rules of your own\n"
    yield 'Load them from the file that defines them, such as `load("@mbuild//rules:runtime.bzl", "RuntimeInfo")`.\n'
    yield "| provider | fields |\n|---|---|"
    for name, provider in sorted(providers().items()):
        yield f"| `{name}` | {', '.join(f'`{field}`' for field in provider.fields or ())} |"


def _rule(name: str, rule: Rule) -> Iterator[str]:
    yield f"### {name}\n"
    yield inspect.cleandoc(rule.doc) + "\n"
    yield "| attribute | type | |\n|---|---|---|"
    for attribute, schema in sorted(rule.schema.items(), key=lambda item: (not item[1].mandatory, item[0])):
        if not attribute.startswith("_") and attribute not in ("name", "visibility", "tags"):
            yield f"| `{attribute}` | {_type(schema)} | {_notes(schema)} |"
    yield ""


def _type(schema: Attribute) -> str:
    return TYPES.get(schema.kind, schema.kind)


def _notes(schema: Attribute) -> str:
    notes = ["**Mandatory.**"] if schema.mandatory else []
    notes += [schema.doc] if schema.doc else []
    if schema.values:
        notes.append("One of " + ", ".join(f"`{represent(value)}`" for value in schema.values if value != "") + ".")
    if schema.default not in (None, "", (), {}) and schema.kind != "data":
        notes.append(f"Default: `{represent(schema.default)}`.")
    return " ".join(notes).replace("|", "\\|")


def _function(name: str, value: Value) -> Iterator[str]:
    assert isinstance(value, Function)
    yield f"### {name}\n"
    yield f"`{name}({', '.join(value.parameters)})`: {value.doc}\n"


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
    yield CLI_TAIL


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    if not parser._actions:
        return
    yield "| | |\n|---|---|"
    for action in parser._actions:
        shown = [" ".join(filter(None, (option, _value(action)))) for option in action.option_strings]
        yield f"| `{', '.join(shown) or _value(action)}` | {action.help} |".replace("...", "…")
    yield ""


def _value(action: argparse.Action) -> str:
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return "" if action.nargs == 0 else str(action.metavar or action.dest.upper())


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).write_text(text, encoding="utf-8")
