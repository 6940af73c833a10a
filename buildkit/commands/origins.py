"""Blobs of an image that lie in a registry, and need not come to this machine: the layers of a base image.

In: an analysis. Out: each such blob's digest, and the repository that holds it.
"""

from __future__ import annotations

from buildkit.digest import Digest
from buildkit.graph.action import ActionKind
from buildkit.graph.analysis import Analysis
from buildkit.reference import Reference


def origins_of(analyzed: Analysis) -> dict[Digest, Reference]:
    """What the fetch actions with the source "registry" say."""
    found: dict[Digest, Reference] = {}
    for action in analyzed.actions.actions:
        told = action.arguments
        if action.kind is ActionKind.FETCH and told.get("source") == "registry":
            found[Digest(str(told["sha256"]), int(str(told["size"])))] = Reference.parse(str(told["name"]))
    return found
