"""What `mbuild.toml` says, checked key by key.

In: the file. Out: `Config`; an unknown key is an error, since a misspelt one would silently be without effect.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from buildkit.errors import BuildError, Span, did_you_mean, without_login
from buildkit.graph.cache_config import AGES, SHARED, SharedCacheConfig, shared_cache_config
from buildkit.graph.registry_config import LIMITS, REGISTRY, SIZES, RegistryConfig, registry_config
from buildkit.lang import LIMIT_NAMES, Limits
from buildkit.records import dataclass
from buildkit.reference import Reference

MARKER = "mbuild.toml"


@dataclass(frozen=True, slots=True)
class DebianConfig:
    """`[debian]`: where packages come from, and which keys sign them; None where the machine's apt decides."""

    suite: str | None = None
    mirror: str | None = None
    snapshot: str | None = None
    keyring: str | None = None


@dataclass(frozen=True, slots=True)
class FlagsConfig:
    """`[config.NAME]`: what `--config=NAME` stands for: the flags of other configs, then its own.

    `places` are the places of `flags`, then those of `configs`.
    """

    flags: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    places: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """What `mbuild.toml` says."""

    name: str = ""
    build_files: tuple[str, ...] = ("BUILD.mbuild", "BUILD")
    prelude: str | None = None
    python_index: str | None = None
    python_extra_indexes: tuple[str, ...] = ()
    debian: DebianConfig = DebianConfig()
    cache_dir: str | None = None
    cache_max_size: str | None = None
    shared_cache: SharedCacheConfig = field(default_factory=SharedCacheConfig)
    registries: Mapping[str, RegistryConfig] = field(default_factory=dict)  # by host, in lower case
    compression: str | None = None
    configs: Mapping[str, FlagsConfig] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


# Table → key → the type that its value must have.
SCHEMA: dict[str, dict[str, type]] = {
    "workspace": {"name": str, "build_files": list, "prelude": str},
    "python": {"index": str, "extra_indexes": list},
    "debian": {"suite": str, "mirror": str, "snapshot": str, "keyring": str},
    "cache": {"dir": str, "max_size": str, **SHARED},
    "image": {"compression": str},
    "limits": dict.fromkeys(LIMIT_NAMES, int),
}
FLAGS: dict[str, type] = {"flags": list, "configs": list}
COMPRESSIONS = ("zstd", "gzip", "none")
_TABLES = (*SCHEMA, "registry", "config")
_TYPE_NAMES: dict[type, str] = {
    str: "a string",
    list: "a list of strings",
    bool: "true or false",
    int: "a whole number",
    dict: "a table",
}


# How a text is written that people might give as a number.
_FORMS = dict.fromkeys(("max_size", *(key for key, kind in LIMITS.items() if kind is str)), SIZES) | {
    "registry_max_age": AGES
}
_PRELUDE = re.compile(r"//[^:]*:[^:]+\.bzl")


def read_config(path: Path) -> Config:
    """Read and check `mbuild.toml`. Raises BuildError with the place of what is wrong."""
    try:
        text = path.read_bytes().decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise BuildError(f"not UTF-8 text: {error.reason}", span=Span(MARKER, 1, 1, 1, 1)) from None
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"not valid TOML: {error}", span=_toml_error_span(str(error), text)) from None
    _check(document, text)
    workspace, python, cache = (document.get(name, {}) for name in ("workspace", "python", "cache"))
    return Config(
        name=workspace.get("name", ""),
        prelude=workspace.get("prelude"),
        build_files=tuple(workspace.get("build_files", Config().build_files)),
        python_index=python.get("index"),
        python_extra_indexes=tuple(python.get("extra_indexes", ())),
        debian=DebianConfig(**document.get("debian", {})),
        cache_dir=cache.get("dir"),
        cache_max_size=cache.get("max_size"),
        shared_cache=_shared_cache(cache, text),
        compression=_compression(document.get("image", {}).get("compression"), text),
        registries={host.lower(): _registry(host, table, text) for host, table in document.get("registry", {}).items()},
        configs={config: _flags_config(config, table, text) for config, table in document.get("config", {}).items()},
        limits=_limits(document.get("limits", {}), text),
    )


def _check(document: dict[str, Any], text: str) -> None:
    for name, table in document.items():
        if name not in _TABLES:
            raise BuildError(
                f"unknown table '{name}'",
                span=_find(text, name),
                hint=did_you_mean(name, _TABLES) or "the tables are: " + ", ".join(_TABLES),
            )
        if not isinstance(table, dict):
            raise BuildError(f"'{name}' must be a table", span=_find(text, name), hint=f"write '[{name}]'")
        if name == "registry":
            for host, settings in table.items():
                _check_table(f'registry."{without_login(host)}"', settings, REGISTRY, text, host)
                _check_host(host, table, text)
                if limits := settings.get("limits"):
                    _check_table(f'registry."{host}".limits', limits, LIMITS, text, host)
        elif name == "config":
            for config, settings in table.items():
                _check_table(f"config.{config}", settings, FLAGS, text, f"config.{config}")
        else:
            _check_table(name, table, SCHEMA[name], text, name)
    prelude = document.get("workspace", {}).get("prelude", "//:x.bzl")
    if not _PRELUDE.fullmatch(prelude):
        span = _find(text, "prelude", "workspace")
        hint = "it is a file of this workspace, such as '//build:prelude.bzl'"
        raise BuildError(
            f"'prelude' in [workspace] must be the label of a .bzl file, found '{prelude}'", span=span, hint=hint
        )
    files = document.get("workspace", {}).get("build_files", ["BUILD"])
    if not files or any("/" in file or not file for file in files):
        span = _find(text, "build_files", "workspace")
        raise BuildError(f"'build_files' in [workspace] must be names of files, found {files!r}", span=span)


def _check_host(host: str, hosts: Iterable[str], text: str) -> None:
    """What is no host would never be asked for, and its settings have no effect."""
    try:
        known = Reference.parse(f"{host}/x").host == host
    except BuildError:
        known = False
    if not known:
        safe = without_login(host)
        bare = safe.removeprefix("***@").rpartition("://")[2].partition("/")[0]
        hint = f"write '[registry.\"{bare}\"]'" if bare not in ("", host) else "hosts look like 'registry.example:5000'"
        raise BuildError(f"'{safe}' in [registry] is not a registry's host", span=_find(text, host), hint=hint)
    first = next(other for other in hosts if other.lower() == host.lower())
    if first != host:
        message = f"'{host}' in [registry] is the host '{first}' once more: upper and lower case are the same"
        raise BuildError(message, span=_find(text, host), hint="join the two tables")


def _check_table(name: str, table: Any, schema: dict[str, type], text: str, header: str) -> None:
    if not isinstance(table, dict):
        hint = 'a registry is a table: [registry."registry.example:5000"]'
        if name.startswith("config."):
            hint = "a config is a table: [config.ci]"
        raise BuildError(f"'{name}' must be a table", span=_find(text, header.removeprefix("config.")), hint=hint)
    for key, value in table.items():
        span = _find(text, key, header)
        if key not in schema:
            hint = did_you_mean(key, schema) or "its keys are: " + ", ".join(schema)
            raise BuildError(f"unknown key '{key}' in [{name}]", span=span, hint=hint)
        strings = not isinstance(value, list) or all(isinstance(item, str) for item in value)
        if not isinstance(value, schema[key]) or (type(value) is bool and schema[key] is int) or not strings:
            message = f"'{key}' in [{name}] must be {_TYPE_NAMES[schema[key]]}, found {without_login(repr(value))}"
            raise BuildError(message, span=span, hint=_FORMS.get(key))


def _find(text: str, key: str, header: str = "") -> Span:
    """The place of a key, below the header that names its table, for an error: TOML readers tell none."""
    lines = list(enumerate(text.splitlines(), 1))
    begins = (line.lstrip().startswith("[") and header in line for _, line in lines)
    named = (bool(re.match(rf"[^#=]*{re.escape(header)}", line)) for _, line in lines)  # an inline table
    start = next((number for begun in (begins, named) for number, found in enumerate(begun) if found), 0)
    word = rf"[\"']?({re.escape(key)})[\"']?\s*"
    pattern = re.compile(rf"^\s*\[*\s*(?:registry\.|config\.)?{word}[=.\]]")
    inline = re.compile(rf"^[^#]*?[{{,.]\s*{word}=")
    for number, line in lines[start if header else 0 :]:
        if found := pattern.match(line) or (inline.match(line) if header else None):
            return Span(MARKER, number, found.start(1) + 1, number, found.end(1) + 1)
    return Span(MARKER, 1, 1, 1, 1)


def _compression(found: str | None, text: str) -> str | None:
    if found in (None, *COMPRESSIONS):
        return found
    hint = did_you_mean(str(found), COMPRESSIONS) or f"the choices are: {', '.join(COMPRESSIONS)}"
    raise BuildError(
        f"'compression' in [image] is no way to compress layers: found '{found}'",
        span=_find(text, "compression", "image"),
        hint=hint,
    )


def _limits(table: dict[str, int], text: str) -> Limits:
    limits = Limits()
    for name, value in table.items():
        try:
            limits = replace(limits, **{name: value})
        except BuildError as error:
            raise BuildError(error.message, span=_find(text, name, "limits")) from None
    return limits


def _registry(host: str, table: dict[str, Any], text: str) -> RegistryConfig:
    try:
        return registry_config(table)
    except BuildError as error:
        message = f'{error.message}, in [registry."{host}"]'
        raise BuildError(message, span=_find(text, error.message.split("'")[1], host), hint=error.hint) from None


def _shared_cache(table: dict[str, Any], text: str) -> SharedCacheConfig:
    try:
        return shared_cache_config(table)
    except BuildError as error:
        key = error.message.split("'")[1]
        raise BuildError(f"{error.message}, in [cache]", span=_find(text, key, "cache"), hint=error.hint) from None


def _flags_config(name: str, table: dict[str, Any], text: str) -> FlagsConfig:
    flags, configs = (tuple(table.get(key, ())) for key in ("flags", "configs"))
    return FlagsConfig(flags, configs, tuple(_find_text(text, word, name) for word in (*flags, *configs)))


def _find_text(text: str, word: str, config: str) -> Span:
    """The place of a quoted string below the header of a config."""
    lines = text.splitlines()
    header = re.compile(rf"""\s*\[\s*config\s*\.\s*["']?{re.escape(config)}["']?\s*\]""")
    start = next((number for number, line in enumerate(lines) if header.match(line)), 0)
    for number, line in enumerate(lines[start:], start + 1):
        for quoted in (f'"{word}"', f"'{word}'"):
            if (column := line.find(quoted)) >= 0:
                return Span(MARKER, number, column + 1, number, column + 1 + len(quoted))
    return Span(MARKER, start + 1, 1, start + 1, 1)


def _toml_error_span(message: str, text: str) -> Span:
    found = re.search(r"line (\d+), column (\d+)", message)
    last = len(text.splitlines()) or 1  # the reader says 'at end of document'
    line, column = (int(found[1]), int(found[2])) if found else (last, 1)
    return Span(MARKER, line, column, line, column + 1)
