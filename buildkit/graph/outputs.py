"""The patterns of `rule(outputs = …)`: names of files that depend on a target's attributes.

In: a pattern such as `%{name}.txt`. Out: the name that a target's file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACE = re.compile(r"%\{([^}]*)\}")


def places(pattern: str) -> Iterator[str]:
    """The attributes that a pattern names."""
    return (found[1] for found in _PLACE.finditer(pattern))


def filled(pattern: str, values: Mapping[str, Any]) -> str:
    """The pattern with the attributes' values in their places."""
    return _PLACE.sub(lambda found: str(values.get(found[1], "")), pattern)
