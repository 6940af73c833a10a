"""Questions about the target graph: a pattern such as `//...`, or `deps(PATTERN)`.

In: an expression. Out: labels, sorted.
"""

from __future__ import annotations

import re

from buildkit.errors import BuildError
from buildkit.graph.loader import Loader
from buildkit.label import Label, TargetPattern

_DEPS = re.compile(r"\s*deps\s*\(\s*([^()\s]+)\s*\)\s*")
_PATTERN = re.compile(r"\s*([^()\s]+)\s*")


def query(expression: str, loader: Loader, package: str = "") -> list[Label]:
    """The targets that an expression, written in `package`, names. Raises BuildError for one that cannot be read."""
    if found := _DEPS.fullmatch(expression):
        graph = loader.graph([TargetPattern.parse(found[1], package)])
        return sorted(graph.targets)
    if found := _PATTERN.fullmatch(expression):
        return sorted(loader.expand([TargetPattern.parse(found[1], package)]))
    raise BuildError(
        f"cannot read the query {expression!r}",
        hint="use a pattern such as '//...' or 'deps(//package:name)'",
    )
