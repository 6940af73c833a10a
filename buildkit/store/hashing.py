"""Digests of streams that hold large files, in one read pass and on as many cores as there are digests.

In: parts of a stream: bytes, and ranges of files. Out: the digest of the stream; the digest of every file that was to
be measured on the way; and the stamp that each file had from before its first byte to after its last.

A layer of one 2 GB file needs two sha256: of the file, and of the tar that holds it. One thread reads into a small ring
of buffers; two threads hash what is there, each in its own order of need (`hashlib` releases the GIL). Files are
read, not mapped, so that memory stays at the size of the ring.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.records import dataclass
from buildkit.store.faults import reading
from buildkit.store.stamp import Stamp, check_regular

BUFFER = 1 << 20
_SLOTS = 16
_SMALL = 4 * BUFFER  # below this, starting threads costs more than it saves
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Range:
    """`length` bytes of a file from `offset` on; `measured` ranges are whole files whose own digest is wanted too."""

    path: Path
    offset: int
    length: int
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What a pass over a stream found: its digest, the stamps of its files, the digests of its measured files."""

    stream: Digest
    stamps: Mapping[Path, Stamp]
    files: Mapping[Path, Digest]


class ChangedWhileRead(BuildFailure):
    """A file's stat before, during and after reading did not agree."""


def hash_file(path: Path) -> tuple[Digest, Stamp]:
    """The digest of a file and the stamp under which it holds."""
    with reading(path):
        status = path.stat()
        check_regular(path, status)
    measured = measure([Range(path, 0, status.st_size)])
    return measured.stream, measured.stamps[path]


def hash_stream_with_sources(segments: Sequence[bytes | Path]) -> tuple[Digest, dict[Path, Digest]]:
    """The digest of the segments one after the other, and that of every file among them, each byte read once."""
    parts = [part if isinstance(part, bytes) else Range(part, 0, _size(part), measured=True) for part in segments]
    measured = measure(parts)
    return measured.stream, dict(measured.files)


def measure(parts: Sequence[bytes | Range]) -> Measured:
    """Hash a stream. A file that changes while it is read is read anew, with all; if it never rests, BuildFailure."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return _measure_once(parts)
        except ChangedWhileRead:
            continue
    return _measure_once(parts)


def _size(path: Path) -> int:
    with reading(path):
        return path.stat().st_size


def _measure_once(parts: Sequence[bytes | Range]) -> Measured:
    size = sum(len(part) if isinstance(part, bytes) else part.length for part in parts)
    both = any(isinstance(part, Range) and part.measured for part in parts)
    ring = _threaded_ring(both) if size >= _SMALL else _plain_ring(both)
    stamps: dict[Path, Stamp] = {}
    sizes: dict[Path, int] = {}
    with ring as (stream, files):
        buffers = _Buffers(stream, files, min(size, BUFFER))
        for part in parts:
            if isinstance(part, bytes):
                stream.update(part)
            else:
                _pour(part, buffers, stamps)
                if part.measured:
                    files.finish(part.path)
                    sizes[part.path] = part.length
        stream.finish(_STREAM)
    digests = {path: Digest(files.results[path], length) for path, length in sizes.items()}
    return Measured(Digest(stream.results[_STREAM], size), stamps, digests)


_STREAM = Path()


class _Lane:
    """One digest after the other over what is handed in, at once. Its threaded kin does it beside the reader."""

    def __init__(self) -> None:
        self.results: dict[Path, str] = {}
        self._hasher = hashlib.sha256()

    def take(self) -> None:
        """Wait until the next slot of the ring is free on this lane."""

    def update(self, data: bytes) -> None:
        self._hasher.update(data)

    def update_slot(self, view: memoryview | None) -> None:
        if view is not None:
            self._hasher.update(view)

    def finish(self, name: Path) -> None:
        self.results[name] = self._hasher.hexdigest()
        self._hasher = hashlib.sha256()


class _ThreadedLane(_Lane):
    """A lane with a thread and a queue. Every slot of the ring passes every lane, so that both free it in one order."""

    def __init__(self) -> None:
        super().__init__()
        self._work: SimpleQueue[tuple[bytes | memoryview | Path | None, bool] | None] = SimpleQueue()
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(_SLOTS):
            self._free.put(None)
        self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)
        self._thread.start()

    def take(self) -> None:
        self._free.get()

    def update(self, data: bytes) -> None:
        self._work.put((data, False))

    def update_slot(self, view: memoryview | None) -> None:
        self._work.put((view, True))

    def finish(self, name: Path) -> None:
        self._work.put((name, False))

    def join(self) -> None:
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            data, slot = item
            if isinstance(data, Path):
                super().finish(data)
            elif data is not None:
                self._hasher.update(data)
            if slot:
                self._free.put(None)


@contextmanager
def _plain_ring(both: bool) -> Iterator[tuple[_Lane, _Lane]]:
    yield _Lane(), _Lane()


@contextmanager
def _threaded_ring(both: bool) -> Iterator[tuple[_Lane, _Lane]]:
    """Lanes whose results are complete when the block has ended; without measured files one thread is enough."""
    lanes = [_ThreadedLane() for _ in range(2 if both else 1)]
    try:
        yield lanes[0], lanes[1] if both else _Lane()
    finally:
        for lane in lanes:
            lane.join()


class _Buffers:
    """The reader's side of the ring: fills the next free buffer and hands it to both lanes."""

    def __init__(self, stream: _Lane, files: _Lane, size: int) -> None:
        self._size = size
        self._lanes = (stream, files)
        self._views: list[memoryview] = []
        self._next = 0

    def read(self, descriptor: int, wanted: int, measured: bool) -> int:
        """Read up to `wanted` bytes; 0 at the end of the file."""
        for lane in self._lanes:
            lane.take()
        view = self._slot()[: min(wanted, self._size)]
        count = 0
        try:
            count = os.readv(descriptor, [view])
        finally:
            stream, files = self._lanes
            stream.update_slot(view[:count])
            files.update_slot(view[:count] if measured else None)
        return count

    def _slot(self) -> memoryview:
        index = self._next % _SLOTS
        self._next += 1
        if index == len(self._views):
            self._views.append(memoryview(bytearray(self._size)))
        return self._views[index]


def _pour(part: Range, buffers: _Buffers, stamps: dict[Path, Stamp]) -> None:
    """Hand a range of a file to the ring, and see to it that stat, fstat before and fstat after agree."""
    with reading(part.path):
        before = Stamp.of(part.path.stat())
        descriptor = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            check_regular(part.path, status)
            left = part.length if Stamp.of(status) == before else -1
            os.lseek(descriptor, part.offset, os.SEEK_SET)
            while left > 0 and (count := buffers.read(descriptor, left, part.measured)):
                left -= count
            after = Stamp.of(os.fstat(descriptor))
        finally:
            os.close(descriptor)
    whole = not part.measured or part.length == after.size
    if left or after != before or not whole or stamps.setdefault(part.path, after) != after:
        raise ChangedWhileRead(
            f"file changed while being read: '{part.path}'", hint="let whatever writes it finish, then build again"
        )
