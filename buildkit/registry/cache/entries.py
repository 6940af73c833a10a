"""The entries of one repository, as they are there: a build cache's documents, and the blobs that they name.

In: keys, blobs. Out: what is kept under a key, its bytes held against their digests; EnvironmentFaults of the registry,
BuildFailures of what is no entry.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

from buildkit.digest import Digest, Key
from buildkit.errors import BuildFailure
from buildkit.events import Listener, Progress
from buildkit.records import dataclass
from buildkit.registry.cache.entry import (
    MEDIA_TYPE,
    Kept,
    read_config,
    read_manifest,
    tag_of,
    write_config,
    write_manifest,
)
from buildkit.registry.registry import Moved, OpenBlob, Registry
from buildkit.store import ActionResult, BlobStore

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether entries are written, and how old one may be, in seconds (None: any age)."""

    writes: bool = True
    max_age: float | None = None
    now: Callable[[], float] = time.time


class Entries:
    """Those of a repository of a registry, which is connected to when something is first asked of it."""

    def __init__(self, connect: Callable[[], Registry], repository: str, policy: Policy) -> None:
        self.policy = policy
        self._connect, self._repository = connect, repository
        self._connected: Registry | None = None
        self._lock = threading.Lock()

    @property
    def _registry(self) -> Registry:
        with self._lock:
            self._connected = self._connected or self._connect()
            return self._connected

    def document(self, key: Key) -> bytes | None:
        """The manifest that is under a key; None if there is none."""
        document = self._registry.manifest(self._repository, tag_of(key))
        return document.data if document else None

    def read(self, document: bytes, key: Key) -> tuple[ActionResult, list[Kept]] | None:
        """What an entry says; None for one that is too old."""
        try:
            blobs, config = read_manifest(document)
            result = read_config(self._small(config), key, self.policy.now(), self.policy.max_age)
        except (ValueError, TypeError, ArithmeticError, RecursionError):  # strange numbers, texts that are none
            raise BuildFailure("it is not what mbuild writes") from None
        return (result, blobs) if result else None

    def bring(self, kept: Kept, store: BlobStore, key: Key, listener: Listener) -> None:
        """A blob's bytes into a store."""
        done, mark = 0, kept.stored.size - kept.blob.size
        with self._registry.open_blob(self._repository, kept.stored) as reader, store.writer() as writer:
            while chunk := reader.read(_CHUNK):
                writer.write(chunk[max(mark - done, 0) :])
                done += len(chunk)
                listener(Progress(f"cache {key.hex[:12]}", done, kept.stored.size))
            writer.commit(kept.blob)

    def has(self, blob: Digest) -> bool:
        """Whether the registry says that it holds a blob; it may be damaged."""
        return self._registry.has(self._repository, blob)

    def send(self, blob: Digest, opened: OpenBlob, moved: Moved) -> None:
        """Have the registry hold a blob."""
        self._registry.push_blob(self._repository, blob, opened, moved)

    def write(self, key: Key, made: int, result: ActionResult, blobs: list[Kept]) -> None:
        """Put an entry under its key, whose blobs are there."""
        config = write_config(key, made, result)
        self.send(Digest.of(config), lambda: io.BytesIO(config), lambda done: None)
        manifest = write_manifest(Digest.of(config), blobs)
        self._registry.push_manifest(self._repository, tag_of(key), manifest, MEDIA_TYPE)

    def _small(self, digest: Digest) -> bytes:
        if digest.size > _CHUNK:
            raise BuildFailure(f"its config has {digest.size} bytes, expected {_CHUNK} at most")
        with self._registry.open_blob(self._repository, digest) as reader:
            return b"".join(iter(lambda: reader.read(_CHUNK), b""))
