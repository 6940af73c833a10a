"""The sources of a build: their digests, and whether they stayed as they were.

In: source artifacts. Out: blobs. Each file is looked at once a build before it is used, and again after every action
that read it, since an editor or a checkout may write while we build (techniques 5).
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.errors import BuildFailure
from buildkit.graph.action import Artifact
from buildkit.records import dataclass
from buildkit.store import BlobStore

Stat = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    blob: Blob
    stats: tuple[Stat, ...]


class Sources:
    """Digests source artifacts through the store's stat memo, at most once each."""

    def __init__(self, store: BlobStore, locate: Callable[[Artifact], Path]) -> None:
        self._store = store
        self._locate = locate
        self._seen: dict[Artifact, _Seen] = {}
        self._promises: dict[Artifact, _Seen] = {}
        self._locks: dict[Artifact, threading.Lock] = {}
        self._lock = threading.Lock()

    def path(self, artifact: Artifact) -> Path:
        """Where a source lies on this machine."""
        return self._locate(artifact)

    def blob(self, artifact: Artifact) -> Blob:
        """What a source holds. Raises BuildFailure where it is not there."""
        with self._lock:
            lock = self._locks.setdefault(artifact, threading.Lock())
        with lock:
            seen = self._seen.get(artifact)
            if seen is None:
                seen = self._seen[artifact] = self._look(artifact)
            return seen.blob

    def promised(self, artifact: Artifact) -> Blob:
        """What a source holds; a stand-in where it is big and would first have to be read. `settled` must follow."""
        path = self._locate(artifact)
        if artifact in self._seen or not path.is_file():
            return self.blob(artifact)
        stats = _stats(path)
        blob = Blob(self._store.promise(path))
        self._promises[artifact] = _Seen(blob, stats)
        return blob

    def settled(self, artifact: Artifact) -> Blob:
        """What a promised source holds, now that it was read."""
        promise = self._promises.pop(artifact, None)
        if promise is None:
            return self.blob(artifact)
        seen = self._seen[artifact] = _Seen(Blob(self._store.settled(promise.blob.digest)), promise.stats)
        return seen.blob

    def check(self, artifacts: Iterable[Artifact]) -> None:
        """Raise BuildFailure if a source is not any more what `blob` said it was."""
        for artifact in artifacts:
            seen = self._seen.get(artifact)
            if seen is None or not artifact.source:
                continue
            path = self._locate(artifact)
            if _stats(path) != seen.stats and self._look(artifact).blob != seen.blob:
                raise BuildFailure(
                    f"source '{artifact.path}' changed during the build",
                    hint="its result was not kept; build again when nothing writes to it",
                )

    def _look(self, artifact: Artifact) -> _Seen:
        path = self._locate(artifact)
        stats = _stats(path)
        if not stats:
            raise BuildFailure(f"source '{artifact.path}' does not exist", hint=f"expected it at '{path}'")
        return _Seen(self._folder(path) if path.is_dir() else Blob(self._store.adopt(path)), stats)

    def _folder(self, path: Path) -> Blob:
        entries = []
        for found in _walk(path):
            name, status = found.relative_to(path).as_posix(), found.lstat()
            if stat.S_ISLNK(status.st_mode):
                entries.append(Entry(name, Kind.SYMLINK, 0o777, target=str(found.readlink())))
            elif stat.S_ISDIR(status.st_mode):
                entries.append(Entry(name, Kind.DIRECTORY, 0o755))
            else:
                mode = 0o755 if status.st_mode & 0o100 else 0o644
                entries.append(Entry(name, Kind.FILE, mode, self._store.adopt(found)))
        return Blob(self._store.put(Tree.of(entries).to_json()), tree=True)


def _stats(path: Path) -> tuple[Stat, ...]:
    """The identities of a file, or of all that a folder holds; empty where there is nothing."""
    try:
        top = path.stat()
        if not stat.S_ISDIR(top.st_mode):
            return (_identity(top),)
        return tuple(_identity(found.lstat()) for found in _walk(path))
    except OSError:
        return ()


def _walk(path: Path) -> list[Path]:
    return sorted(path.rglob("*"))


def _identity(status: os.stat_result) -> Stat:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)
