"""pip's configuration, as pip reads it: files from the widest to the nearest, then the environment.

In: the environment and the folder of the Python installation. Out: `PipConfiguration`. Reads configuration files.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from buildkit.records import dataclass

# pip's own order: [global] counts for every command, [install] for what `pip install` would do.
_SECTIONS = ("global", "install")


@dataclass(frozen=True, slots=True)
class PipConfiguration:
    """What pip is configured with; `None` and empty where nothing says."""

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    certificate: str | None = None
    no_index: bool = False


def read_pip_configuration(environment: Mapping[str, str], prefix: Path | None = None) -> PipConfiguration:
    """The merged configuration: of each option, the last that sets it wins, as in pip."""
    values: dict[str, str] = {}
    for path in _files(environment, prefix):
        for section in _SECTIONS:
            values |= _section(path, section)
    for option in ("index-url", "extra-index-url", "find-links", "cert", "no-index"):
        value = environment.get("PIP_" + option.upper().replace("-", "_"))
        if value:
            values[option] = value
    return PipConfiguration(
        values.get("index-url") or None,
        tuple(values.get("extra-index-url", "").split()),
        tuple(values.get("find-links", "").split()),
        values.get("cert") or None,
        values.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t"),
    )


def _files(environment: Mapping[str, str], prefix: Path | None) -> Iterator[Path]:
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    if home := environment.get("HOME"):
        yield Path(home) / ".pip" / "pip.conf"
        yield Path(environment.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "pip" / "pip.conf"
    if prefix:
        yield prefix / "pip.conf"
    if named:
        yield Path(named)


def _section(path: Path, section: str) -> dict[str, str]:
    """One section of a file, or nothing: what pip itself would complain of is not mbuild's to judge."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    if not parser.has_section(section):
        return {}
    return {option.replace("_", "-"): value for option, value in parser.items(section) if value}
