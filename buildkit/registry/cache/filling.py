"""Writing to a build cache, beside the build: what was made here, and what a warm store has and the cache lacks.

In: results whose bytes a store has. Out: entries. A blob that the registry has and cannot give, as a reader found out,
is kept as another one, behind a mark: few registries replace the bytes that they have of a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.registry.cache.entries import Entries
from buildkit.registry.cache.entry import MOST_BLOBS, Kept, behind, mark_of
from buildkit.registry.cache.known import Known
from buildkit.registry.cache.setbacks import Setbacks
from buildkit.registry.faults import NoAccess
from buildkit.registry.registry import BLOB_UNKNOWN
from buildkit.store import ActionResult, BlobStore

_AT_ONCE = 4
_CHUNK = 1 << 20


class Filling:
    """What is being sent to one cache, in threads of its own; it must be finished."""

    def __init__(
        self, entries: Entries, store: BlobStore, known: Known, setbacks: Setbacks, held: Callable[[Digest], None]
    ) -> None:
        self._entries, self._store, self._known = entries, store, known
        self._setbacks, self._held = setbacks, held
        self._pool = ThreadPoolExecutor(_AT_ONCE, "results")

    def finish(self, *, at_once: bool) -> None:
        """Wait for what is being sent; or have it end at once."""
        if at_once:
            self._setbacks.stop()
        self._pool.shutdown(wait=not at_once, cancel_futures=at_once)

    def offer(
        self, key: Key, result: ActionResult, blobs: Sequence[Digest], suspects: Collection[Digest] | None
    ) -> None:
        """Keep a result. `suspects` are blobs that the cache could not give; None: nobody has looked for the entry."""
        # A recipe's bytes are its sources': whoever has these is quicker without us.
        sent = sorted(set(blobs))
        if not self._setbacks.over and len(sent) <= MOST_BLOBS and all(map(self._store.owned_path, sent)):
            self._pool.submit(self._fill, key, result, sent, suspects)

    def _fill(
        self, key: Key, result: ActionResult, blobs: Sequence[Digest], suspects: Collection[Digest] | None
    ) -> None:
        if self._setbacks.over:
            return
        try:
            if suspects is not None or not self._is_there(key):
                self._keep_patiently(key, result, blobs, suspects or ())
            self._setbacks.worked()
            self._known.note(key)
        except NoAccess as fault:
            self._known.close()
            self._setbacks.end(fault)
        except BuildError as fault:
            if suspects is None:
                self._known.note(key)  # in some hours again: a build that makes nothing new must not wait for it
            if not self._setbacks.over:
                self._setbacks.failed(key, fault, unanswered=True)

    def _is_there(self, key: Key) -> bool:
        try:
            document = self._entries.document(key)
            return document is not None and self._entries.read(document, key) is not None
        except NoAccess:
            raise
        except BuildError:  # it is damaged, or what the registry has of it is: it is written anew
            return False

    def _keep_patiently(
        self, key: Key, result: ActionResult, blobs: Sequence[Digest], suspects: Collection[Digest]
    ) -> None:
        try:
            self._keep(key, result, blobs, suspects)
        except EnvironmentFault as fault:
            # A registry that several machines fill at once may not find for a moment what it has: look again, once.
            if BLOB_UNKNOWN not in fault.message:
                raise
            self._keep(key, result, blobs, suspects)

    def _keep(self, key: Key, result: ActionResult, blobs: Sequence[Digest], suspects: Collection[Digest]) -> None:
        made = int(self._entries.policy.now())
        self._entries.write(key, made, result, [self._sent(blob, blob in suspects, made) for blob in blobs])

    def _sent(self, blob: Digest, suspect: bool, made: int) -> Kept:
        there = self._entries.has(blob)
        if not there:
            self._entries.send(blob, lambda: self._store.open(blob), self._moved)
        # One that it lacked is mended by that, unless it left a file there that is too short.
        if suspect and (there or not self._entries.has(blob)):
            return self._marked(blob, mark_of(made))
        self._held(blob)
        return Kept(blob, blob)

    def _marked(self, blob: Digest, mark: bytes) -> Kept:
        opened = behind(mark, lambda: self._store.open(blob))
        whole, size = hashlib.sha256(), 0
        with opened() as reader:
            while chunk := reader.read(_CHUNK):
                whole.update(chunk)
                size += len(chunk)
        stored = Digest(whole.hexdigest(), size)
        self._entries.send(stored, opened, self._moved)
        return Kept(blob, stored)

    def _moved(self, done: int) -> None:
        if self._setbacks.over:
            raise BuildFailure("the build ended")
