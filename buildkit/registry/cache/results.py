"""Results of actions in a repository of a registry: a build cache for all who can read it.

In: keys, and results whose bytes a store has. Out: results that others kept, their bytes brought into the store. What
an entry is, says `entry.py`.

Nothing here fails a build. What is damaged, too old or says another key counts as absent, and is put right by who may
write; a registry that cannot be reached is left alone after that. Every byte is held against its digest; who may write
there is the registry's word, and a result is as trustworthy as they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Listener
from buildkit.reference import Reference
from buildkit.registry.cache.entries import Entries, Policy
from buildkit.registry.cache.entry import Kept
from buildkit.registry.cache.filling import Filling
from buildkit.registry.cache.known import Files, Known
from buildkit.registry.cache.setbacks import READING, WRITING, Setbacks
from buildkit.registry.faults import NoAccess, Unanswered
from buildkit.registry.registry import Registry
from buildkit.store import ActionResult, BlobStore

__all__ = ["Policy", "RegistryResults", "Usable"]

Usable = Callable[[ActionResult], bool]
"""Whether all of a result is there, once its blobs were brought; BuildFailure for what is not what it should be."""


class RegistryResults:
    """The entries of one repository, at `place`. Methods may be called from many threads.

    `files` keep what is known of it from build to build. `held` hears of blobs that the repository holds. A context
    manager: leaving it waits for what is being sent, or gives that up after an exception.
    """

    def __init__(
        self,
        connect: Callable[[], Registry],
        place: Reference,
        store: BlobStore,
        policy: Policy,
        listener: Listener,
        files: Files,
        held: Callable[[Digest], None] = lambda blob: None,
    ) -> None:
        self._entries = Entries(connect, place.repository, policy)
        self._store, self._listener, self._held = store, listener, held
        self._reading, self._writing = (Setbacks(words, place, listener) for words in (READING, WRITING))
        self._known = Known(files, place, policy.now)
        self._filling = Filling(self._entries, store, self._known, self._writing, held)
        self._first = threading.Lock()
        self._asked = False
        self._absent: dict[Key, Collection[Digest]] = {}  # with the blobs that are damaged
        if not policy.writes:
            self._writing.stop()

    def __enter__(self) -> RegistryResults:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._filling.finish(at_once=kind is not None)
        if kind is None:
            self._reading.tell()
            self._writing.tell()

    def find(self, key: Key, usable: Usable = lambda result: True, /) -> ActionResult | None:
        """The result kept under a key, its bytes brought here; None if there is none that can be used."""
        if self._reading.over or key in self._absent:
            return None
        with self._in_turn():
            answered, document = self._document(key)
        return self._brought(document, key, usable) if answered else None

    def lacks(self, key: Key) -> bool:
        """Whether to offer a result: the entry is not there, or was not seen there lately."""
        if self._writing.over:
            return False
        return key in self._absent or not (self._known.has(key) or self._known.closed)

    def offer(self, key: Key, result: ActionResult, blobs: Sequence[Digest]) -> None:
        """Keep a result, and the blobs that it needs, for others: in the background."""
        self._filling.offer(key, result, blobs, self._absent.get(key))

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """The first question goes alone: it finds out whether the registry is there."""
        if self._asked:
            yield
            return
        with self._first:
            yield
            self._asked = True

    def _document(self, key: Key) -> tuple[bool, bytes | None]:
        """Whether the registry answered, and the entry that it has."""
        if self._reading.over:
            return False, None
        try:
            return True, self._entries.document(key)
        except NoAccess as fault:
            self._known.close()
            self._writing.stop()
            self._reading.end(fault)
        except EnvironmentFault as fault:
            self._absent[key] = ()
            self._reading.failed(key, fault, unanswered=True)
        return False, None

    def _brought(self, document: bytes | None, key: Key, usable: Usable) -> ActionResult | None:
        """The result of an entry, its bytes in the store; the entry counts as absent otherwise."""
        damaged: list[Digest] = []
        try:
            entry = self._entries.read(document, key) if document else None
            result = self._bring(*entry, key, damaged) if entry else None
            if result and not usable(result):
                raise BuildFailure("outputs, or their bytes, are missing in it")
        except BuildError as fault:
            self._absent[key] = damaged
            self._reading.failed(key, fault, unanswered=isinstance(fault, NoAccess))
            return None
        self._reading.worked()
        if result:
            self._known.note(key)
        else:
            self._absent[key] = ()
        return result

    def _bring(self, result: ActionResult, blobs: Sequence[Kept], key: Key, damaged: list[Digest]) -> ActionResult:
        """The result, once all blobs are here; in `damaged` those that the registry has and cannot give."""
        first: BuildError | None = None
        for kept in blobs:
            try:
                if not self._store.has(kept.blob):
                    self._entries.bring(kept, self._store, key, self._listener)
                if kept.blob == kept.stored:
                    self._held(kept.blob)
            except (NoAccess, Unanswered):  # which says nothing of the blob
                raise
            except BuildError as fault:
                damaged.append(kept.blob)
                first = first or fault
        if first:
            raise first
        return result
