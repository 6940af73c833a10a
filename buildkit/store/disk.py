"""The blob store on disk.

In: bytes, source files, recipes. Out: the same by digest. Layout below the root (DESIGN.md 2.4 to 2.6)::

    blobs/sha256/ab/<hex>   stored blobs, read-only, whole from the moment they are seen
    recipes/ab/<hex>        segments of layers that are never stored
    index.sqlite            which source files hold which bytes
    tmp/                    scratch of running processes; parsed/ and actions/ are caches by key
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, InternalError
from buildkit.records import dataclass
from buildkit.store import recipes
from buildkit.store.blobs import Follower
from buildkit.store.faults import reading, writing
from buildkit.store.hashing import Range, hash_file, measure
from buildkit.store.index import Index
from buildkit.store.keyed import replace_file
from buildkit.store.reading import FileRange, ProvingReader, SequentialReader, StoredFile, changed, gone
from buildkit.store.scratch import Scratch
from buildkit.store.sources import LARGE, Clock, Sources
from buildkit.store.stamp import Stamp, stamp_now
from buildkit.store.writing import DiskWriter, size_of

_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of mbuild; it can be deleted at any time.\n"
)
_READ_BUFFER = 1 << 20
_ANEW = "build again, so that it is made anew"


class DiskStore:
    """A `BlobStore` in a folder, shared by any number of processes. Files of `large` bytes are worth a promise;
    `now_ns` is the file system's clock, unless a test has its own.
    """

    def __init__(self, root: Path, *, large: int = LARGE, now_ns: Callable[[], int] | None = None) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 (`absolute` keeps `..`)
        with writing("the store", self.root):
            _found(self.root)
        self._scratch = Scratch(self.root)
        self._index = Index(self.root)
        self._sources = Sources(self._index, now_ns or Clock(self._scratch, self.root).now_ns, large)
        self._follower: Follower = _unheard

    # -- bytes in ----------------------------------------------------------------------------------------------------

    def put(self, data: bytes | Iterable[bytes]) -> Digest:
        """Store bytes."""
        with self.writer() as writer:
            for chunk in (data,) if isinstance(data, bytes) else data:
                writer.write(chunk)
            return writer.commit()

    def writer(self, proven: Digest | None = None) -> DiskWriter:
        """Store bytes that come bit by bit; those that their reader proves to be `proven` are not hashed again."""
        return DiskWriter(self.root, self._scratch.path(), self._blob, proven)

    def adopt(self, path: Path) -> Digest:
        """The digest of a source file, which the store can open from now on. Reads it only if its stat is new."""
        return self._sources.adopt(path)

    def known(self, path: Path) -> Digest | None:
        """What `adopt` would say without reading the file, or None if it would have to."""
        return self._sources.known(path)

    def remember(self, path: Path, stat_before: os.stat_result, digest: Digest) -> None:
        """Adopt a file whose digest was computed elsewhere; `stat_before` is from before its first byte was read."""
        self._sources.remember(path, stat_before, digest)

    def promise(self, path: Path) -> Digest:
        """The digest of a source file if known; else a stand-in with the true size, to be settled by who reads it."""
        return self._sources.promise(path)

    def settled(self, digest: Digest) -> Digest:
        """The real digest behind a promise; any other digest as it is."""
        return self._sources.settled(digest)

    # -- recipes -----------------------------------------------------------------------------------------------------

    def put_recipe(self, recipe: Recipe, digest: Digest) -> None:
        """Keep a recipe whose digest is known."""
        if recipe.size != digest.size:
            raise InternalError(f"recipe of {recipe.size} bytes put as {digest} of {digest.size} bytes")
        with writing("a recipe", self.root):
            replace_file(self._recipe(digest), recipes.encode(recipe), self._scratch, mode=0o444)

    def recipe(self, digest: Digest) -> Recipe | None:
        """The recipe kept for a digest, or None."""
        try:
            recipe = recipes.decode(self._recipe(digest).read_bytes())
        except OSError:
            return None
        return recipe if recipe and recipe.size == digest.size else None

    def seal(self, recipe: Recipe) -> Digest:
        """Keep a recipe whose digest is unknown: streams it once, hashing promised sources in the same pass."""
        plan = self._plan(recipe)
        started = self._sources.started()
        known = self._follower(recipe.size, plan.opened)
        measured = measure(plan.ranges)
        for path, digest in measured.files.items():
            self._sources.record(path, measured.stamps[path], digest, started)
        for wanted, path in plan.awaited:
            if self._sources.promised(wanted):
                self._sources.settle(wanted, measured.files[path])
            elif measured.files[path] != wanted:
                raise changed(path, wanted, str(measured.files[path]))
        rested = {path for path, stamp in plan.stamps.items() if measured.stamps[path] == stamp}
        for path, wanted in plan.trusted.items():
            if path not in rested and self.adopt(path) != wanted:
                raise changed(path, wanted, "other bytes")
        self.put_recipe(Recipe(tuple(self._real(segment) for segment in recipe.segments)), measured.stream)
        if rested == measured.stamps.keys():
            known(measured.stream)
        return measured.stream

    @contextmanager
    def followed(self, follower: Follower) -> Iterator[None]:
        """Until the block is left, `follower` hears of each stream that `seal` reads."""
        self._follower = follower
        try:
            yield
        finally:
            self._follower = _unheard

    # -- bytes out ---------------------------------------------------------------------------------------------------

    def has(self, digest: Digest) -> bool:
        """Whether the bytes can be had: stored; or adopted, and a stat still matches; or a recipe with all segments."""
        promised = self._sources.promised(digest)
        if promised:
            return size_of(promised) == digest.size
        digest = self.settled(digest)
        if self.owned_path(digest) or self._sources.live(digest):
            return True
        recipe = self.recipe(digest)
        if recipe is None:
            return False
        needed = {segment.digest for segment in recipe.segments if isinstance(segment, Slice)}
        return digest not in needed and all(self.has(other) for other in needed)

    def open(self, digest: Digest) -> BinaryIO:
        """Read a blob; see `BlobStore.open`."""
        digest = self.settled(digest)
        owned = self.owned_path(digest)
        if owned:
            part = FileRange(owned, digest, 0, digest.size)
            with reading(owned):
                stored = StoredFile(owned, digest, lambda found: self._damage(part, found))
                return ProvingReader(stored, digest, _READ_BUFFER)
        fact = self._sources.live(digest)
        recipe = self.recipe(digest) if fact is None else None
        if recipe:
            parts = (self._readable(segment) for segment in self._flat(recipe))
            reader = SequentialReader(parts, digest, lambda: self._culprit(recipe, digest))
            return ProvingReader(reader, digest, _READ_BUFFER)
        path = fact.path if fact else self._candidate(digest)
        part = FileRange(path, digest, 0, digest.size, verified=True)
        return ProvingReader(SequentialReader([part]), digest, _READ_BUFFER)

    def read(self, digest: Digest) -> bytes:
        """All bytes of a (small) blob."""
        with self.open(digest) as file:
            return file.read()

    def path(self, digest: Digest) -> Path | None:
        """A file that holds these bytes now: stored, or adopted and unchanged. None for recipes. Never write to it."""
        digest = self.settled(digest)
        return self.owned_path(digest) or self._sources.proven(digest)

    def owned_path(self, digest: Digest) -> Path | None:
        """The stored, read-only file of a blob, which may be hard-linked; or None."""
        path = self._blob(digest)
        return path if size_of(path) == digest.size else None

    # -- the rest ----------------------------------------------------------------------------------------------------

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """An empty private folder on the store's file system, removed at the end."""
        with self._scratch.folder() as folder:
            yield folder

    def close(self) -> None:
        """Let go of files and scratch. A closed store opens itself again when used."""
        self._index.close()
        self._scratch.close()

    def _blob(self, digest: Digest) -> Path:
        return self.root / "blobs" / "sha256" / digest.hex[:2] / digest.hex

    def _recipe(self, digest: Digest) -> Path:
        return self.root / "recipes" / digest.hex[:2] / digest.hex

    def _flat(self, recipe: Recipe) -> Iterator[Inline | Slice]:
        """The recipe's segments, those of recipes inside it in their place."""
        for segment in recipe.segments:
            inner = self._inner_recipe(segment)
            if inner and isinstance(segment, Slice):
                yield from self._flat(Recipe(tuple(recipes.cut(inner, segment.offset, segment.length))))
            else:
                yield segment

    def _inner_recipe(self, segment: Inline | Slice) -> Recipe | None:
        if isinstance(segment, Inline) or self._sources.promised(segment.digest):
            return None
        bytes_at_hand = self.owned_path(segment.digest) or self._sources.live(segment.digest)
        return None if bytes_at_hand else self.recipe(segment.digest)

    def _readable(self, segment: Inline | Slice) -> bytes | FileRange:
        """A segment as something to read. Whole files whose stat proves nothing are verified each on its own."""
        if isinstance(segment, Inline):
            return segment.data
        blob = segment.digest
        owned = self.owned_path(blob)
        if owned:
            return FileRange(owned, blob, segment.offset, segment.length)
        fact = self._sources.live(blob)
        path = fact.path if fact else self._candidate(blob)
        return FileRange(
            path, blob, segment.offset, segment.length, verified=_whole(segment) and (fact is None or fact.racy)
        )

    def _candidate(self, digest: Digest) -> Path:
        """The likeliest source file of some bytes, to be verified by its reader. BuildFailure where there is none."""
        paths = self._sources.remembered(digest)
        if not paths:
            raise BuildFailure(f"the store has no {digest} ({digest.size} bytes)", hint=_ANEW)
        if size_of(paths[0]) < 0:
            raise gone(paths[0], digest)
        return paths[0]

    def _culprit(self, recipe: Recipe, digest: Digest) -> BuildFailure:
        """The failure that names the piece to blame for a recipe's stream that is not what it was."""
        for segment in self._flat(recipe):
            part = self._readable(segment)
            if isinstance(part, FileRange):
                found, _ = hash_file(part.path)
                if found != part.blob:
                    return self._damage(part, found)
        return BuildFailure(f"the recipe of {digest} does not give its bytes", hint=_ANEW)

    def _damage(self, part: FileRange, found: Digest) -> BuildFailure:
        """Say what a file has become, and remove it if it is one of the store's own."""
        if part.path != self._blob(part.blob):
            return changed(part.path, part.blob, str(found))
        part.path.unlink(missing_ok=True)
        return BuildFailure(f"the store's copy of {part.blob} was damaged and has been removed", hint=_ANEW)

    def _plan(self, recipe: Recipe) -> _Plan:
        """What a pass over a recipe has to read, and what it has to find out on the way."""
        plan = _Plan([], {}, [], {})
        for segment in self._flat(recipe):
            if isinstance(segment, Inline):
                plan.parts.append(segment.data)
                continue
            path = self._sources.promised(segment.digest)
            if path and not _whole(segment):
                segment = Slice(self.settled(segment.digest), segment.offset, segment.length)
                path = None
            part = (
                FileRange(path, segment.digest, 0, segment.length, verified=True) if path else self._readable(segment)
            )
            assert isinstance(part, FileRange)
            plan.parts.append(part)
            if stamp := stamp_now(part.path):
                plan.stamps[part.path] = stamp
            if part.verified:
                plan.awaited.append((part.blob, part.path))
            else:
                plan.trusted[part.path] = part.blob
        return plan

    def _real(self, segment: Inline | Slice) -> Inline | Slice:
        if isinstance(segment, Inline):
            return segment
        return Slice(self.settled(segment.digest), segment.offset, segment.length)


@dataclass(frozen=True, slots=True)
class _Plan:
    parts: list[bytes | FileRange]
    stamps: dict[Path, Stamp]  # of all files, before they are read
    awaited: list[tuple[Digest, Path]]  # measured on the way: what it must be, where it is
    trusted: dict[Path, Digest]  # believed by stat, which must be the same after the pass

    @property
    def ranges(self) -> list[bytes | Range]:
        """What is to be hashed."""
        return [
            part if isinstance(part, bytes) else Range(part.path, part.offset, part.length, measured=part.verified)
            for part in self.parts
        ]

    def opened(self) -> BinaryIO:
        """The stream, whose reader raises where a file is not as it was when the pass began."""
        parts = (
            part if isinstance(part, bytes) else replace(part, verified=False, stamp=self.stamps.get(part.path))
            for part in self.parts
        )
        return io.BufferedReader(SequentialReader(parts), _READ_BUFFER)


def _unheard(size: int, opened: Callable[[], BinaryIO]) -> Callable[[Digest], None]:
    return lambda digest: None


def _whole(segment: Slice) -> bool:
    return segment.offset == 0 and segment.length == segment.digest.size


def _found(root: Path) -> None:
    """Make the store's folder, private to its user, with the tag that keeps it out of backups."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    tag = root / "CACHEDIR.TAG"
    if not tag.exists():
        tag.write_bytes(_TAG)
