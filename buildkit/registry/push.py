"""An image goes to a registry: blobs first, in parallel; then manifests by digest; the tag last.

In: a reference, the digest of a manifest or an index, a store that can open all that it names. Out: the digest under
which the registry has it. Whatever fails on the way, the tag still names what it named before.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.events import Listener, Progress
from buildkit.reference import Reference
from buildkit.registry.registry import Reader, Registry

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Blobs(Protocol):
    """What a push needs of a blob store."""

    def open(self, digest: Digest) -> AbstractContextManager[Reader]:
        """The blob's bytes, from the beginning."""
        ...

    def read(self, digest: Digest) -> bytes:
        """All bytes of a small blob."""
        ...


def push(
    reference: Reference, manifest_digest: Digest, store: Blobs, registry: Registry, listener: Listener, jobs: int
) -> Digest:
    """Push a manifest and all below it, then its tag. `registry` is the one at `reference.host`."""
    if reference.digest and reference.digest != str(manifest_digest):
        raise BuildError(
            f"cannot push {manifest_digest} as '{reference}': the digests differ",
            hint="leave the digest out of the reference: the push prints it",
        )
    manifests = tuple(_manifests(manifest_digest, store))
    blobs = {blob.hex: blob for manifest in manifests for blob in manifest.blobs}
    registry.access(reference.repository, push=True)
    _push_blobs(_Uploads(reference.repository, store, registry, listener), tuple(blobs.values()), jobs)
    for manifest in manifests:
        registry.push_manifest(reference.repository, str(manifest.digest), manifest.data, manifest.media_type)
    if reference.tag:
        registry.push_manifest(reference.repository, reference.tag, manifests[-1].data, manifests[-1].media_type)
    return manifest_digest


@dataclass(frozen=True, slots=True)
class _Manifest:
    digest: Digest
    data: bytes
    media_type: str
    blobs: tuple[Digest, ...]


def _manifests(digest: Digest, store: Blobs) -> Iterator[_Manifest]:
    """A manifest and those that it names, these first."""
    data = store.read(digest)
    try:
        document: dict[str, Any] = json.loads(data)
        named = [document["config"]] if "config" in document else []
        blobs = tuple(_digest(row) for row in (*named, *document.get("layers", [])))
        children = tuple(_digest(row) for row in document.get("manifests", []))
    except (BuildError, ValueError, KeyError, TypeError, AttributeError):
        raise BuildFailure(f"cannot push {digest}: it is no image manifest or index") from None
    for child in children:
        yield from _manifests(child, store)
    yield _Manifest(digest, data, str(document.get("mediaType", _MANIFEST)), blobs)


def _digest(row: dict[str, Any]) -> Digest:
    return Digest.parse(str(row["digest"]), int(row["size"]))


class _Stopped(Exception):
    """Another upload failed; this one need not go on."""


class _Uploads:
    """Uploads to one repository, which stop together."""

    def __init__(self, repository: str, store: Blobs, registry: Registry, listener: Listener) -> None:
        self._repository = repository
        self._store = store
        self._registry = registry
        self._listener = listener
        self.stopped = threading.Event()

    def upload(self, blob: Digest) -> None:
        """Send a blob unless the registry has it."""

        def moved(done: int) -> None:
            if self.stopped.is_set():
                raise _Stopped
            self._listener(Progress(f"push {blob}", done, blob.size))

        if self.stopped.is_set():
            return
        if self._registry.has(self._repository, blob):
            moved(blob.size)
        else:
            self._registry.push_blob(self._repository, blob, lambda: self._store.open(blob), moved)


def _push_blobs(uploads: _Uploads, blobs: Sequence[Digest], jobs: int) -> None:
    """Send blobs, `jobs` at a time; raises the first failure in the order of the manifest, once all have stopped."""
    # The first one, a small config, goes alone: it finds out whether the registry is there and how to log in.
    if blobs:
        uploads.upload(blobs[0])
    pool = ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="push")
    patient = False  # a person who interrupts does not wait for a registry that keeps silent
    try:
        futures = [pool.submit(uploads.upload, blob) for blob in blobs[1:]]
        wait(futures, return_when=FIRST_EXCEPTION)
        patient = True
    finally:
        uploads.stopped.set()
        pool.shutdown(wait=patient, cancel_futures=True)
    for failure in filter(None, map(_failure, futures)):
        raise failure


def _failure(future: Future[None]) -> BaseException | None:
    error = None if future.cancelled() else future.exception()
    return None if isinstance(error, _Stopped) else error
