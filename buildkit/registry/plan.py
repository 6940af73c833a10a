"""What a push will move, found out before anything moves.

In: an image's contents, where it is, and the registry that it goes to. Out: `Plan`: for each blob whether it is there,
will be mounted, or sent, in bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry.contents import Contents, NamedBlob
from buildkit.registry.registry import Registry
from buildkit.registry.sources import Source


class Way(StrEnum):
    """How a blob gets where it is wanted."""

    SKIP = "skip"  # it is there
    MOUNT = "mount"  # the registry has it in another repository; it is sent if the registry will not mount it
    COPY = "copy"  # from another registry, in a stream
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Step:
    """A blob and its way; `origin` is the repository that it is mounted or copied from."""

    blob: NamedBlob
    way: Way
    origin: Reference | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a push to `reference`, in the order of the manifests."""

    reference: Reference
    contents: Contents
    steps: tuple[Step, ...]
    further: tuple[str, ...] = ()  # tags beside the reference's

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags that it writes, in their order: the reference's comes last."""
        return tuple(dict.fromkeys(filter(None, (*self.further, self.reference.tag))))

    def bytes(self, *ways: Way) -> int:
        """How many bytes go these ways. Manifests are sent each time: that they are there does not make them whole."""
        manifests = self.contents.manifests if Way.UPLOAD in ways else ()
        blobs = sum(step.blob.digest.size for step in self.steps if step.way in ways)
        return blobs + sum(len(manifest.data) for manifest in manifests)


def plan_push(source: Source, contents: Contents, reference: Reference, registry: Registry, jobs: int) -> Plan:
    """Ask the registry for each blob, `jobs` at a time. Only reads."""
    places = [_origin(source, blob, reference) for blob in contents.blobs]
    mounts = [place.repository for place in places if place and place.host == reference.host]
    registry.access(reference.repository, push=True, sources=mounts)
    there = _there(registry, reference.repository, contents.blobs, jobs)
    steps = (
        Step(blob, *_way(source, blob, reference, place, has))
        for blob, place, has in zip(contents.blobs, places, there, strict=True)
    )
    return Plan(reference, contents, tuple(steps))


def _origin(source: Source, blob: NamedBlob, reference: Reference) -> Reference | None:
    place = source.origin(blob.digest, reference.host)
    own = place and (place.host, place.repository) == (reference.host, reference.repository)
    return None if own else place


def _way(
    source: Source, blob: NamedBlob, reference: Reference, origin: Reference | None, there: bool
) -> tuple[Way, Reference | None]:
    if there:
        return Way.SKIP, None
    if origin and origin.host == reference.host:
        return Way.MOUNT, origin
    return (Way.UPLOAD, None) if source.near(blob.digest) else (Way.COPY, origin)


def _there(registry: Registry, repository: str, blobs: Sequence[NamedBlob], jobs: int) -> list[bool]:
    # The first one goes alone: it finds out whether the registry is there and how to log in.
    first = [registry.has(repository, blob.digest) for blob in blobs[:1]]
    if len(blobs) < 2:
        return first
    pool = ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="head")
    patient = False  # a person who interrupts does not wait for a registry that keeps silent
    try:
        rest = list(pool.map(lambda blob: registry.has(repository, blob.digest), blobs[1:]))
        patient = True
        return first + rest
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)
