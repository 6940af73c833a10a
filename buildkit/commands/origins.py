"""Blobs of an image that lie in a registry, and need not come to this machine: the layers of a base image.

In: an analysis. Out: each such blob's digest, and the repository that holds it; and a way to open all blobs of what
was built, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from buildkit.commands.registries import pulled_from
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.graph.action import ActionKind
from buildkit.graph.analysis import Analysis
from buildkit.oci.blobs import OpenPart
from buildkit.oci.compression import Readable
from buildkit.reference import Reference
from buildkit.registry import Registry
from buildkit.store.parts import open_part


def origins_of(analyzed: Analysis, host: str = "") -> dict[Digest, Reference]:
    """What the fetch actions with the source "registry" say; of several places the one at `host`, if there is one."""
    found: dict[Digest, Reference] = {}
    for action in analyzed.actions.actions:
        told = action.arguments
        if action.kind is ActionKind.FETCH and told.get("source") == "registry":
            digest, place = Digest(str(told["sha256"]), int(str(told["size"]))), Reference.parse(str(told["name"]))
            if digest not in found or place.host == host:
                found[digest] = place
    return found


def open_built(session: Session, analyzed: Analysis) -> OpenPart:
    """Opens blobs of images that were built: from the store, else from the registry that a base's layer lies in.

    With `--offline` the latter is a BuildError.
    """
    origins = origins_of(analyzed)

    @cache
    def registry_at(host: str) -> Registry:
        return pulled_from(session, host)

    @contextmanager
    def opened(digest: Digest, /, offset: int = 0, length: int | None = None) -> Iterator[Readable]:
        origin = origins.get(digest)
        if origin is None or session.store.has(digest):
            with open_part(session.store, digest, offset, length) as reader:
                yield reader
            return
        session.needs_network(f"reading layers of a base image from '{origin.host}'")
        with registry_at(origin.host).open_blob(origin.repository, digest, offset, length) as reader:
            yield reader

    return opened
