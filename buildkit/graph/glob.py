"""Patterns of `glob`.

In: a pattern as it is written. Out: a regular expression that matches whole paths, or an error.
"""

from __future__ import annotations

import re
from functools import lru_cache

from buildkit.errors import BuildError

_WILD = {"*": "[^/]*", "?": "[^/]"}


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    """`*` and `?` stay within a component, `**` as a whole component crosses them; all else is itself."""
    parts = text.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise BuildError(f"invalid glob pattern {text!r}: it must be a plain path below the package")
    if any("**" in part and part != "**" for part in parts):
        raise BuildError(f"invalid glob pattern {text!r}: '**' must stand alone between slashes")
    folders = "".join("(?:[^/]+/)*" if part == "**" else _component(part) + "/" for part in parts[:-1])
    last = ".+" if parts[-1] == "**" else _component(parts[-1])
    return re.compile(folders + last, re.DOTALL)


def _component(part: str) -> str:
    return "".join(_WILD.get(char) or re.escape(char) for char in part)
