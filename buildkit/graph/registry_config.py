"""`[registry."HOST"]` of `mbuild.toml`: how a registry is reached, and what it takes.

In: the table. Out: `RegistryConfig`, its values checked one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from buildkit.errors import BuildError, without_login
from buildkit.records import dataclass
from buildkit.reference import Reference

REGISTRY: dict[str, type] = {
    "plain_http": bool,
    "ca": str,
    "client_cert": str,
    "client_key": str,
    "mirror": str,
    "limits": dict,
}
LIMITS: dict[str, type] = {"max_blob_size": str, "max_layers": int, "max_manifest_size": str, "chunk_size": str}
SIZES = "write '10 GB', '512 MiB' or bytes as text; units: kB, MB, GB, TB, KiB, MiB, GiB, TiB"
_UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    f"{letter}iB": 1 << (10 * power) for power, letter in enumerate("KMGT", 1)
}
_SIZE = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_UNITS)})")


@dataclass(frozen=True, slots=True)
class RegistryLimits:
    """What a registry takes, in bytes and layers; None where nothing is known. `chunk_size` is what an upload sends."""

    max_blob_size: int | None = None
    max_layers: int | None = None
    max_manifest_size: int | None = None
    chunk_size: int | None = None


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """How a registry is reached. Files are paths from the workspace's root; `mirror` is `HOST` or `HOST/PREFIX`."""

    plain_http: bool = False
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    mirror: str | None = None
    limits: RegistryLimits = field(default_factory=RegistryLimits)


def registry_config(table: Mapping[str, Any]) -> RegistryConfig:
    """Read a table whose keys and types are checked. Raises BuildError that names a key, and no place."""
    client = {key for key in ("client_cert", "client_key") if key in table}
    if "client_key" in client and "client_cert" not in client:
        raise BuildError("'client_key' needs 'client_cert' beside it", hint="the key may also stand in the same file")
    if "mirror" in table:
        mirror_of(table["mirror"], "")
    others = {key: value for key, value in table.items() if key != "limits"}
    return RegistryConfig(**others, limits=_limits(table.get("limits", {})))


def mirror_of(mirror: str, repository: str) -> Reference:
    """Where a mirror keeps a repository: `HOST` has the same name, `HOST/PREFIX` has it below the prefix.

    >>> str(mirror_of("mirror.example/hub", "library/debian"))
    'mirror.example/hub/library/debian'
    """
    try:
        return Reference.parse(f"{mirror.rstrip('/')}/{repository or 'x'}")
    except BuildError:
        raise BuildError(f"'mirror' must be HOST or HOST/PREFIX, found '{without_login(mirror)}'") from None


def _limits(table: Mapping[str, Any]) -> RegistryLimits:
    values = {key: value if LIMITS[key] is int else parse_size(value, key) for key, value in table.items()}
    for key, value in values.items():
        if value < 1:
            raise BuildError(f"'{key}' must be 1 or more, found {value}")
    return RegistryLimits(**values)


def parse_size(text: str, key: str) -> int:
    """Bytes of a size such as '10 GB' (powers of 1000) or '10 GiB' (of 1024). Raises BuildError.

    >>> parse_size("1.5 GiB", "max_blob_size")
    1610612736
    """
    if not (found := _SIZE.fullmatch(text)):
        raise BuildError(f"'{key}' must be a size, found '{text}'", hint=SIZES)
    return int(float(found[1]) * _UNITS[found[2]])
