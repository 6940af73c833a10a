"""`[cache] registry` of `mbuild.toml`: a repository that keeps results of actions for all who build.

In: the table. Out: `SharedCacheConfig`, its values checked one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from buildkit.errors import BuildError
from buildkit.records import dataclass
from buildkit.reference import Reference

SHARED: dict[str, type] = {"registry": str, "registry_access": str, "registry_max_age": str}
ACCESSES = ("read-write", "read", "off")
AGES = "write '30d', '12h' or '90m'"
_UNITS = {"d": 86_400, "h": 3_600, "m": 60}
_AGE = re.compile(r"([1-9][0-9]*)([dhm])")


@dataclass(frozen=True, slots=True)
class SharedCacheConfig:
    """Where results are kept (None: nowhere), what may be done there, and how old one may be, in seconds."""

    place: Reference | None = None
    access: str = "read-write"
    max_age: int | None = None


def shared_cache_config(table: Mapping[str, Any]) -> SharedCacheConfig:
    """Read what `[cache]` says of it. Raises BuildError that names a key, and no place."""
    place = table.get("registry")
    access = table.get("registry_access", "read-write")
    if access not in ACCESSES:
        raise BuildError(f"'registry_access' must be one of {', '.join(ACCESSES)}, found '{access}'")
    return SharedCacheConfig(_place(place) if place is not None else None, access, _age(table.get("registry_max_age")))


def _place(text: str) -> Reference:
    try:
        place = Reference.parse(text)
    except BuildError as error:
        raise BuildError(f"'registry' must be HOST/REPOSITORY: {error.message}", hint=error.hint) from None
    if place.tag or place.digest:
        raise BuildError(f"'registry' must be HOST/REPOSITORY without tag and digest, found '{text}'")
    return place


def _age(text: str | None) -> int | None:
    if text is None:
        return None
    if not (found := _AGE.fullmatch(text)):
        raise BuildError(f"'registry_max_age' must be a time, found '{text}'", hint=AGES)
    return int(found[1]) * _UNITS[found[2]]
