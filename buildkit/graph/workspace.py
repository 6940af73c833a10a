"""The workspace: the folder that `mbuild.toml` marks, its configuration, and where its files are.

In: a folder to start from. Out: `Workspace`, with the configuration checked key by key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.graph.action import Artifact

MARKER = "mbuild.toml"
OUTPUT_FOLDER = "mbuild-out"
STANDARD_REPOSITORY = "mbuild"


@dataclass(frozen=True, slots=True)
class DebianConfig:
    """`[debian]`: where packages come from, and which keys sign them; None where the machine's apt decides."""

    suite: str | None = None
    mirror: str | None = None
    snapshot: str | None = None
    keyring: str | None = None


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """`[registry."HOST"]`: how a registry is reached."""

    plain_http: bool = False
    ca: str | None = None
    mirror: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What `mbuild.toml` says."""

    name: str = ""
    build_files: tuple[str, ...] = ("BUILD.mbuild", "BUILD")
    python_index: str | None = None
    python_extra_indexes: tuple[str, ...] = ()
    debian: DebianConfig = DebianConfig()
    cache_dir: str | None = None
    cache_max_size: str | None = None
    registries: Mapping[str, RegistryConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace's root and configuration, and the folder of the standard rules."""

    root: Path
    config: Config
    rules: Path

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """The workspace that a folder is in. Reads `mbuild.toml`; raises BuildError where there is none."""
        for folder in (start, *start.parents):
            if (folder / MARKER).is_file():
                return cls(folder, read_config(folder / MARKER), standard_rules())
        raise BuildError(
            f"no workspace here: neither '{start}' nor a folder above it holds '{MARKER}'",
            hint=f"create '{MARKER}' in the top folder of your repository (it may be empty), or name one with -C DIR",
        )

    def locate(self, artifact: Artifact) -> Path:
        """The absolute path of a source artifact."""
        return self.path_of(artifact.owner.repository, artifact.path)

    def path_of(self, repository: str, path: str) -> Path:
        """The absolute path of a file of the workspace (repository '') or of the standard rules ('mbuild')."""
        if repository == STANDARD_REPOSITORY:
            return self.rules.parent / path if path.startswith("rules/") else self.rules / path
        return self.root / path


def standard_rules() -> Path:
    """The folder of the standard rules: data inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "rules"
    return installed if installed.is_dir() else package.parent / "rules"


# Table → key → the type that its value must have.
_SCHEMA: dict[str, dict[str, type]] = {
    "workspace": {"name": str, "build_files": list},
    "python": {"index": str, "extra_indexes": list},
    "debian": {"suite": str, "mirror": str, "snapshot": str, "keyring": str},
    "cache": {"dir": str, "max_size": str},
}
_REGISTRY: dict[str, type] = {"plain_http": bool, "ca": str, "mirror": str}
_TYPE_NAMES: dict[type, str] = {str: "a string", list: "a list of strings", bool: "true or false"}


def read_config(path: Path) -> Config:
    """Read and check `mbuild.toml`. Unknown keys are errors, since a misspelt key would be silently without effect."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise BuildError(f"not valid TOML: {error}", span=_toml_error_span(str(error))) from None
    _check(document, text)
    python, cache = document.get("python", {}), document.get("cache", {})
    return Config(
        name=document.get("workspace", {}).get("name", ""),
        build_files=tuple(document.get("workspace", {}).get("build_files", Config().build_files)),
        python_index=python.get("index"),
        python_extra_indexes=tuple(python.get("extra_indexes", ())),
        debian=DebianConfig(**document.get("debian", {})),
        cache_dir=cache.get("dir"),
        cache_max_size=cache.get("max_size"),
        registries={host: RegistryConfig(**table) for host, table in document.get("registry", {}).items()},
    )


def _check(document: dict[str, Any], text: str) -> None:
    for name, table in document.items():
        if name not in {*_SCHEMA, "registry"}:
            hint = did_you_mean(name, [*_SCHEMA, "registry"])
            raise BuildError(f"unknown table '{name}'", span=_find(text, name), hint=hint)
        if not isinstance(table, dict):
            raise BuildError(f"'{name}' must be a table", span=_find(text, name), hint=f"write '[{name}]'")
        if name == "registry":
            for host, settings in table.items():
                _check_table(f'registry."{host}"', settings, _REGISTRY, text)
        else:
            _check_table(name, table, _SCHEMA[name], text)


def _check_table(name: str, table: Any, schema: dict[str, type], text: str) -> None:
    if not isinstance(table, dict):
        raise BuildError(f"'{name}' must be a table", span=_find(text, "registry"))
    for key, value in table.items():
        if key not in schema:
            raise BuildError(f"unknown key '{key}' in [{name}]", span=_find(text, key), hint=did_you_mean(key, schema))
        strings = not isinstance(value, list) or all(isinstance(item, str) for item in value)
        if not isinstance(value, schema[key]) or not strings:
            expected = _TYPE_NAMES[schema[key]]
            raise BuildError(f"'{key}' in [{name}] must be {expected}, found {value!r}", span=_find(text, key))


def _find(text: str, key: str) -> Span:
    """The place of a key or table, for an error: TOML readers tell none."""
    pattern = re.compile(rf"^\s*\[*\s*[\"']?({re.escape(key)})[\"']?\s*[=.\]]")
    for number, line in enumerate(text.splitlines(), 1):
        if found := pattern.match(line):
            return Span(MARKER, number, found.start(1) + 1, number, found.end(1) + 1)
    return Span(MARKER, 1, 1, 1, 1)


def _toml_error_span(message: str) -> Span:
    found = re.search(r"line (\d+), column (\d+)", message)
    line, column = (int(found[1]), int(found[2])) if found else (1, 1)
    return Span(MARKER, line, column, line, column + 1)
