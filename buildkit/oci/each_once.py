"""A layer's members → the same, each path once.

In: members in the archive's order, as `tar_reader` gives them. Out: them, or a BuildFailure. image-spec, layer.md
("Distributable Format") forbids a path that comes twice, since readers differ in which of the two counts: what one of
them checks is not what another one runs. A folder named again means the same to all, and archivers do that: it passes.
"""

from __future__ import annotations

from collections.abc import Iterator

from buildkit.errors import BuildFailure
from buildkit.oci.tar_reader import Member, Type


def plain_path(path: str) -> str:
    """A member's path without what archivers add; '' is the root. It may lead outside.

    >>> plain_path("./a//b/")
    'a/b'
    """
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def told_twice(path: str) -> str:
    """What is wrong with a path that came before."""
    return f"want each path once, got {path[:200]!r} twice"


def each_once(found: Iterator[Member], what: str) -> Iterator[Member]:
    """The members of the layer `what`. BuildFailure at the first whose path came before, unless both are folders."""
    types: dict[str, Type] = {}
    for member in found:
        before = types.get(path := plain_path(member.path))
        if before and not before is member.type is Type.DIRECTORY:
            raise BuildFailure(f"{what}: {told_twice(member.path)}")
        types[path] = member.type
        yield member
