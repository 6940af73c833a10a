"""Layers go to a registry while they are hashed: an image's largest need not wait for their own names.

In: the place that an image is going to, and streams whose digests a store is about to find. Out: once the image is
known, those of its blobs that are on their way already. Nothing here makes a push fail: what was begun in vain is
dropped, and the blob is sent in the ordinary way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.reference import Reference
from buildkit.registry.contents import read_contents
from buildkit.registry.referrers import is_fallback_tag
from buildkit.registry.registry import Moved, OpenBlob, Registry, Sent
from buildkit.registry.sources import RegistrySource

_WORTH = 64 << 20  # bytes: what is less is hashed before a session is opened
_GOODBYE = 1.0  # seconds that a registry has to hear that an upload is given up


class _Unneeded(Exception):
    """Nobody wants the bytes, or the registry has them most likely."""


class _Sending:
    """One stream on its way."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.moved: Moved = lambda done: None
        self.future: Future[Sent]

    def tell(self, done: int) -> None:
        if self.stopped.is_set():
            raise _Unneeded
        self.moved(done)

    def drop(self) -> None:
        """Stop, and have the registry forget what came."""
        self.stopped.set()
        if not self.future.cancel():
            with suppress(Exception):
                self.future.result().cancel()


class Early:
    """Uploads to the place of `reference`, `jobs` at a time, of `least` to `most` bytes each, until the block is left.

    None begins where the image that is there already has a layer of the same size: a model that did not change comes
    to a new machine more often than one of equal size that did, and costs no more than its hashing then.
    """

    def __init__(
        self, registry: Registry, reference: Reference, jobs: int, *, least: int = _WORTH, most: int | None = None
    ) -> None:
        self._registry = registry
        self._reference = reference
        self._least = least
        self._most = most
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="early")
        self._sizes: frozenset[int] | None = None  # of what the repository has
        self._lock = threading.Lock()
        self._begun: list[_Sending] = []
        self._known: dict[Digest, _Sending] = {}
        self._goodbyes: list[Future[None]] = []

    def __enter__(self) -> Early:
        return self

    def __exit__(self, *error: object) -> None:
        self.keep(())
        wait(self._goodbyes, _GOODBYE)
        self._pool.shutdown(wait=False)

    def begin(self, size: int, open_blob: OpenBlob) -> Callable[[Digest], None]:
        """Send a stream; what is given back is to be told its digest."""
        sending = _Sending()

        def known(digest: Digest) -> None:
            self._known[digest] = sending

        if size >= self._least and (self._most is None or size <= self._most):
            sending.future = self._pool.submit(self._send, size, open_blob, sending)
            self._begun.append(sending)
            return known
        return lambda digest: None

    def keep(self, digests: Collection[Digest]) -> None:
        """Give up all uploads but those of these blobs."""
        kept = [self._known[digest] for digest in digests if digest in self._known]
        doomed = [sending for sending in self._begun if sending not in kept]
        self._begun = kept
        for sending in doomed:
            sending.stopped.set()
            self._goodbyes.append(self._pool.submit(sending.drop))

    def finish(self, digest: Digest, moved: Moved) -> bool:
        """Wait until a blob is there; False where it was not begun, or did not arrive."""
        sending = self._known.get(digest)
        if sending is None or sending.future.cancel():
            return False
        sending.moved = moved
        try:
            sending.future.result().name(digest)
        except (BuildError, _Unneeded):
            return False
        finally:
            self._begun.remove(sending)
        moved(digest.size)
        return True

    def _send(self, size: int, open_blob: OpenBlob, sending: _Sending) -> Sent:
        if size in self._there() or sending.stopped.is_set():
            raise _Unneeded
        return self._registry.send_blob(self._reference.repository, size, open_blob, sending.tell)

    def _there(self) -> frozenset[int]:
        """The sizes of blobs of the image that the tag names now, else of another image of the repository."""
        with self._lock:
            if self._sizes is None:
                self._sizes = self._asked()
            return self._sizes

    def _asked(self) -> frozenset[int]:
        repository = self._reference.repository
        self._registry.access(repository, push=True)
        tag = self._reference.tag
        found = self._registry.manifest(repository, tag) if tag else None
        if found is None:
            others = [name for name in self._registry.tags(repository) if not is_fallback_tag(name)]
            found = self._registry.manifest(repository, others[-1]) if others else None
        if found is None:
            return frozenset()
        contents = read_contents(RegistrySource(self._registry, self._reference), found.digest)
        return frozenset(blob.digest.size for blob in contents.blobs)
