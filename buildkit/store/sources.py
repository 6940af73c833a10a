"""Adopted source files: which bytes a path holds, and which paths hold some bytes, by way of stat.

In: paths. Out: digests, from memory where a stat confirms it, else by reading. The rules of racy git hold: what was
hashed in the tick in which it was written is hashed again when next asked for.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3

from buildkit.digest import Digest
from buildkit.store.blobs import stand_in
from buildkit.store.faults import reading, writing
from buildkit.store.hashing import ChangedWhileRead, hash_file
from buildkit.store.index import Fact, Index
from buildkit.store.scratch import Scratch
from buildkit.store.stamp import Stamp, check_regular, stamp_now

LARGE = 64 << 20
"""From this size on, blake3 on all cores is worth remembering: it confirms a touched file in a fraction of the time."""

_BLAKE3_BUFFER = 8 << 20
_STREAMED_MARGIN_NS = 600_000_000_000  # longer than streaming a file somewhere else takes


class Clock:
    """The file system's own clock: what it writes into a stat now."""

    def __init__(self, scratch: Scratch, root: Path) -> None:
        self._scratch = scratch
        self._root = root
        self._lock = threading.Lock()
        self._descriptor = -1

    def now_ns(self) -> int:
        """The time that a file written now would get."""
        with writing("temporary files", self._root), self._lock:
            if self._descriptor < 0:
                path = self._scratch.path()
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                path.unlink()
            os.utime(self._descriptor)
            return os.fstat(self._descriptor).st_mtime_ns

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class Sources:
    """The stat memo and the adoptions of a store."""

    def __init__(self, index: Index, now_ns: Callable[[], int], large: int = LARGE) -> None:
        self._index = index
        self._now_ns = now_ns
        self._large = large
        self._promises: dict[str, Path] = {}
        self._kept: dict[str, Digest] = {}
        self._fingerprints: dict[Path, tuple[Stamp, str]] = {}  # computed, to be recorded with the digest
        self._numbers = itertools.count()

    def known(self, path: Path) -> Digest | None:
        """The digest of a file if its stat is one that may be believed."""
        fact = self._index.fact(_absolute(path))
        return fact.digest if fact and not fact.racy and stamp_now(fact.path) == fact.stamp else None

    def adopt(self, path: Path) -> Digest:
        """The digest of a file, read only if it must be."""
        path = _absolute(path)
        found = self.known(path)
        if found is None:
            found = self._measure(path)
        return found

    def started(self) -> int:
        """The time before which a file must have rested for a digest computed from now on to be believed later."""
        return self._now_ns()

    def record(self, path: Path, stamp: Stamp, digest: Digest, started: int) -> None:
        """Remember what a reading that began at `started` found."""
        path = _absolute(path)
        seen, fingerprint = self._fingerprints.pop(path, (None, None))
        self._index.record(Fact(path, stamp, digest, stamp.young(started), fingerprint if seen == stamp else None))

    def remember(self, path: Path, stat_before: os.stat_result, digest: Digest) -> None:
        """Remember what somebody else found. When that began is unknown, so much more rest is asked for."""
        stamp = Stamp.of(stat_before)
        if stamp_now(path) != stamp or stamp.size != digest.size:
            raise ChangedWhileRead(
                f"file changed while being read: '{path}'", hint="let whatever writes it finish, then build again"
            )
        young = stamp.young(self._now_ns(), _STREAMED_MARGIN_NS)
        self._index.record(Fact(_absolute(path), stamp, digest, young))

    def live(self, digest: Digest) -> Fact | None:
        """A fact for these bytes whose file's stat still matches; one that may be believed before one that is racy."""
        facts = [fact for fact in self._index.facts(digest) if stamp_now(fact.path) == fact.stamp]
        return min(facts, key=lambda fact: fact.racy, default=None)

    def proven(self, digest: Digest) -> Path | None:
        """A file that holds these bytes now; racy ones are read again to be sure."""
        for fact in self._index.facts(digest):
            if stamp_now(fact.path) != fact.stamp:
                continue
            if not fact.racy or self.adopt(fact.path) == digest:
                return fact.path
        return None

    def remembered(self, digest: Digest) -> list[Path]:
        """The paths that once held these bytes, those that still exist with that size first."""
        paths = [fact.path for fact in self._index.facts(digest)]
        return sorted(paths, key=lambda path: ((stamp := stamp_now(path)) is None or stamp.size != digest.size, path))

    def promise(self, path: Path) -> Digest:
        """The file's digest if that takes little work, else a stand-in that `promised` understands."""
        path = _absolute(path)
        with reading(path):
            status = path.stat()
        check_regular(path, status)
        if status.st_size < self._large:
            return self.adopt(path)
        found = self.known(path) or self._confirmed(path, Stamp.of(status))
        if found is not None:
            return found
        promise = stand_in(next(self._numbers), status.st_size)
        self._promises[promise.hex] = path
        return promise

    def promised(self, digest: Digest) -> Path | None:
        """The file behind a stand-in that is not settled yet, or None."""
        return None if digest.hex in self._kept else self._promises.get(digest.hex)

    def settle(self, promise: Digest, digest: Digest) -> None:
        """Say what a stand-in has turned out to be."""
        self._kept[promise.hex] = digest

    def settled(self, digest: Digest) -> Digest:
        """What a stand-in stands for, reading its file if nobody has; any real digest as it is."""
        path = self.promised(digest)
        if path is not None:
            self.settle(digest, self.adopt(path))
        return self._kept.get(digest.hex, digest)

    def _measure(self, path: Path) -> Digest:
        started = self.started()
        stamp = stamp_now(path)
        recognised = self._recognise(path, stamp) if stamp and stamp.size >= self._large else None
        if stamp and recognised:
            self.record(path, stamp, recognised, started)
            return recognised
        digest, seen = hash_file(path)
        self.record(path, seen, digest, started)
        return digest

    def _confirmed(self, path: Path, stamp: Stamp) -> Digest | None:
        """The digest of a large file that is likely to be as it was, and worth a look before it is streamed."""
        fact = self._index.fact(path)
        if fact and fact.stamp == stamp:
            return self._measure(path)  # hashed in the tick in which it was written: most likely just that
        started = self.started()
        recognised = self._recognise(path, stamp)
        if recognised:
            self.record(path, stamp, recognised, started)
        return recognised

    def _recognise(self, path: Path, stamp: Stamp) -> Digest | None:
        """Know a large file whose stat is new by its blake3, which is several times faster than its sha256.

        A file seen for the first time is not worth it; the fingerprint is taken when the stat of a known one changes.
        """
        known = self._index.fingerprints(stamp.size)
        if not known and self._index.fact(path) is None:
            return None
        fingerprint = _fingerprint(path)
        if stamp_now(path) != stamp:
            return None
        self._fingerprints[path] = (stamp, fingerprint)
        return known.get(fingerprint)


def _fingerprint(path: Path) -> str:
    hasher = blake3(max_threads=blake3.AUTO)
    buffer = memoryview(bytearray(_BLAKE3_BUFFER))
    with reading(path), path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(buffer[:count])
    return hasher.hexdigest()


def _absolute(path: Path) -> Path:
    """The path from the root on. Symlinks stay: a link that is set anew shows in the stat."""
    return path if path.is_absolute() else Path(os.path.abspath(path))  # noqa: PTH100 (`absolute` keeps `..`)
