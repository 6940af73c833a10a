"""Layers go to a registry while they are hashed: an image's largest need not wait for their own names.

In: the place that an image is going to, and streams whose digests a store is about to find. Out: once the image is
known, those of its blobs that are on their way already. Nothing here makes a push fail, or says anything: what was
begun in vain is dropped, and the blob is sent in the ordinary way.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice

from buildkit.digest import Digest
from buildkit.oci.descriptor import INDEXES
from buildkit.oci.index import Index
from buildkit.oci.manifest import Manifest
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry.registry import Document, Moved, OpenBlob, Registry, Sent

_WORTH = 64 << 20  # bytes: what is less is hashed before a session is opened
_PLATFORMS = 4  # of an index, whose layers are looked at
# Tags that are made of a digest name no version: they list referrers, or are what cosign signs and attests with.
_OF_DIGEST = re.compile("sha256-[0-9a-f]{64}")
_GOODBYE = 1.0  # seconds that a registry has to hear that an upload is given up


class _Unneeded(Exception):
    """Nobody wants the bytes, or the registry has them most likely, or it does not take them like this."""


class _Sending:
    """One stream on its way."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.stopped = threading.Event()
        self.moved: Moved = lambda done: None
        self.future: Future[Sent]

    def tell(self, done: int) -> None:
        if self.stopped.is_set():
            raise _Unneeded
        self.moved(done)

    def drop(self) -> None:
        """Have the registry forget what came."""
        if not self.future.cancel():
            with suppress(Exception):
                self.future.result().cancel()


@dataclass(frozen=True, slots=True)
class _Place:
    """The registry, and the sizes of layers of the image that stands where the new one goes."""

    registry: Registry
    sizes: frozenset[int]


class Early:
    """Uploads to the place of `reference`, `jobs` at a time, of `least` to `most` bytes each, until the block is left.

    `connect` gives the registry when there is something to be sent: a connection of their own, so that nothing that
    befalls them teaches the ordinary way of a push. None begins where the image that is there already has a layer of
    the same size: a model that did not change comes to a new machine more often than one of equal size that did, and
    costs no more than its hashing then.
    """

    def __init__(
        self,
        connect: Callable[[], Registry],
        reference: Reference,
        jobs: int,
        *,
        least: int = _WORTH,
        most: int | None = None,
    ) -> None:
        self._connect = connect
        self._reference = reference
        self._least = least
        self._most = most
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="early")
        self._asking = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="early-asking")  # waits for no transfer
        self._lock = threading.Lock()
        self._place: Future[_Place] | None = None  # asked for once, whatever comes of it
        self._begun: set[_Sending] = set()
        self._known: dict[Digest, _Sending] = {}
        self._goodbyes: list[Future[None]] = []

    def __enter__(self) -> Early:
        return self

    def __exit__(self, *error: object) -> None:
        self.keep(())
        wait(self._goodbyes, _GOODBYE)
        self._pool.shutdown(wait=False)
        self._asking.shutdown(wait=False)

    def begin(self, size: int, open_blob: OpenBlob) -> Callable[[Digest], None]:
        """Send a stream; what is given back is to be told its digest."""
        if size < self._least or (self._most is not None and size > self._most):
            return lambda digest: None
        sending = _Sending()
        with self._lock:
            try:
                self._place = place = self._place or self._asking.submit(self._look)
                sending.future = self._pool.submit(self._send, place, size, open_blob, sending)
            except RuntimeError:  # the push has just been interrupted, or there are no more threads
                return lambda digest: None
            self._begun.add(sending)

        def known(digest: Digest) -> None:
            with self._lock:
                self._known.setdefault(digest, sending)  # of equal streams the first one is further
            with suppress(RuntimeError):  # likewise
                self._asking.submit(self._stop_in_vain, place, digest, sending)

        return known

    def keep(self, digests: Collection[Digest]) -> None:
        """Give up all uploads but those of these blobs."""
        with self._lock:
            self._known = {digest: self._known[digest] for digest in digests if digest in self._known}
            doomed = [sending for sending in self._begun if sending not in self._known.values()]
        for sending in doomed:
            self._drop(sending)

    def finish(self, digest: Digest, moved: Moved, registry: Registry) -> bool:
        """Wait until a blob's bytes are there, and name them to `registry`; False where they were not begun, or did not
        arrive. The connection that brought them has often been silent for too long by then.
        """
        with self._lock:
            sending = self._known.pop(digest, None)
        if sending is None:
            return False
        sending.moved = moved
        if not sending.started.is_set() or not _named(sending, digest, registry):
            self._drop(sending)
            moved(0)  # which raises where the push has been stopped
            return False
        with self._lock:
            self._begun.discard(sending)
        moved(digest.size)
        return True

    def _drop(self, sending: _Sending) -> None:
        sending.stopped.set()
        with self._lock:
            if sending not in self._begun:
                return  # whoever interrupts a push gives up what is being waited for
            self._begun.remove(sending)
            goodbye = self._asking.submit(sending.drop)
            if sending.started.is_set():
                self._goodbyes.append(goodbye)

    def _send(self, place: Future[_Place], size: int, open_blob: OpenBlob, sending: _Sending) -> Sent:
        found = place.result()
        if size in found.sizes or sending.stopped.is_set():
            raise _Unneeded
        sending.started.set()
        sent = found.registry.send_blob(self._reference.repository, size, open_blob, sending.tell)
        if sent is None:
            raise _Unneeded
        return sent

    def _stop_in_vain(self, place: Future[_Place], digest: Digest, sending: _Sending) -> None:
        """Stop what the repository turns out to have, which a push would find out when the whole build is done."""
        if place.result().registry.has(self._reference.repository, digest):
            sending.stopped.set()

    def _look(self) -> _Place:
        """At the image that the tag names now, else at the one with the last of the repository's tags."""
        registry, repository, tag = self._connect(), self._reference.repository, self._reference.tag
        registry.access(repository, push=True)
        found = registry.manifest(repository, tag) if tag else None
        if found is None:
            tags = [name for name in registry.tags(repository) if not _OF_DIGEST.match(name)]
            found = registry.manifest(repository, max(tags, key=_numbered)) if tags else None
        return _Place(registry, frozenset(_layer_sizes(registry, repository, found) if found else ()))


def _named(sending: _Sending, digest: Digest, registry: Registry) -> bool:
    try:
        return registry.name_blob(sending.future.result(), digest)
    except Exception:  # whatever it is, the ordinary way meets it again, and tells it
        return False


def _layer_sizes(registry: Registry, repository: str, document: Document) -> Iterator[int]:
    if document.media_type in INDEXES:
        for child in islice(Index.from_json(document.data).manifests, _PLATFORMS):
            found = registry.manifest(repository, str(child.digest))
            if found and found.media_type not in INDEXES:
                yield from _layer_sizes(registry, repository, found)
    else:
        yield from (layer.digest.size for layer in Manifest.from_json(document.data).layers)


def _numbered(tag: str) -> list[str | int]:
    """Its key among tags: v10 comes after v9."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", tag))]
