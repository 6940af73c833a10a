"""A blob store and an action cache in memory: for tests, and for whoever needs a store that leaves nothing behind.

In and out: as `BlobStore` and `ActionCache` say. Adopted files are read at once and kept.
"""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest, Key
from buildkit.errors import BuildFailure
from buildkit.store.actions import ActionResult
from buildkit.store.blobs import check_expected
from buildkit.store.faults import reading
from buildkit.store.scratch import remove_tree
from buildkit.store.stamp import Stamp, check_regular, stamp_now


class MemoryStore:
    """A `BlobStore` that keeps bytes in a dictionary, and files, where a path is asked for, in a temporary folder."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.recipes: dict[Digest, Recipe] = {}
        self.sources: dict[Path, tuple[Stamp, Digest]] = {}
        self._folder: Path | None = None

    @property
    def root(self) -> Path:
        """A folder of the store's own, made when first asked for and removed with the store."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="mbuild-memory-store-"))
            weakref.finalize(self, remove_tree, self._folder)
        return self._folder

    def has(self, digest: Digest) -> bool:
        """Whether the bytes can be had."""
        if digest in self.blobs:
            return True
        recipe = self.recipes.get(digest)
        return recipe is not None and all(
            self.has(segment.digest) for segment in recipe.segments if isinstance(segment, Slice)
        )

    def open(self, digest: Digest) -> BinaryIO:
        """Read a blob."""
        return io.BytesIO(self.read(digest))

    def read(self, digest: Digest) -> bytes:
        """All bytes of a blob."""
        if digest in self.blobs:
            return self.blobs[digest]
        recipe = self.recipes.get(digest)
        if recipe is None:
            raise BuildFailure(
                f"the store has no {digest} ({digest.size} bytes)", hint="build again, so that it is made anew"
            )
        return self._stream(recipe)

    def put(self, data: bytes | Iterable[bytes]) -> Digest:
        """Store bytes."""
        content = data if isinstance(data, bytes) else b"".join(data)
        digest = Digest.of(content)
        self.blobs[digest] = content
        return digest

    def writer(self, proven: Digest | None = None) -> MemoryWriter:
        """Store bytes that come bit by bit."""
        return MemoryWriter(self)

    def adopt(self, path: Path) -> Digest:
        """The digest of a source file."""
        found = self.known(path)
        if found is not None:
            return found
        with reading(path):
            status = path.stat()
            check_regular(path, status)
            digest = self.put(path.read_bytes())
        self.sources[path.absolute()] = (Stamp.of(status), digest)
        return digest

    def known(self, path: Path) -> Digest | None:
        """What `adopt` would say without reading the file."""
        stamp, digest = self.sources.get(path.absolute(), (None, None))
        return digest if stamp is not None and stamp == stamp_now(path) else None

    def remember(self, path: Path, stat_before: os.stat_result, digest: Digest) -> None:
        """Adopt a file whose digest was computed elsewhere."""
        self.blobs[digest] = path.read_bytes()
        self.sources[path.absolute()] = (Stamp.of(stat_before), digest)

    def promise(self, path: Path) -> Digest:
        """The digest of a source file; never a stand-in here."""
        return self.adopt(path)

    def settled(self, digest: Digest) -> Digest:
        """The digest as it is."""
        return digest

    def seal(self, recipe: Recipe) -> Digest:
        """Keep a recipe whose digest is unknown."""
        digest = Digest.of(self._stream(recipe))
        self.recipes[digest] = recipe
        return digest

    def put_recipe(self, recipe: Recipe, digest: Digest) -> None:
        """Keep a recipe whose digest is known."""
        self.recipes[digest] = recipe

    def recipe(self, digest: Digest) -> Recipe | None:
        """The recipe kept for a digest, or None."""
        return self.recipes.get(digest)

    def path(self, digest: Digest) -> Path | None:
        """A file that holds these bytes; None for recipes."""
        return self.owned_path(digest)

    def owned_path(self, digest: Digest) -> Path | None:
        """A read-only file, made when first asked for."""
        if digest not in self.blobs:
            return None
        path = self.root / digest.hex
        if not path.exists():
            path.write_bytes(self.blobs[digest])
            path.chmod(0o444)
        return path

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """An empty private folder, removed at the end."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        try:
            yield folder
        finally:
            remove_tree(folder)

    def _stream(self, recipe: Recipe) -> bytes:
        return b"".join(
            segment.data
            if isinstance(segment, Inline)
            else self.read(segment.digest)[segment.offset : segment.offset + segment.length]
            for segment in recipe.segments
        )


class MemoryWriter:
    """A blob that is being written to a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._data = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._data.clear()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes; returns how many (all)."""
        self._data += data
        return len(data)

    def commit(self, expected: Digest | None = None) -> Digest:
        """Make the blob appear. BuildFailure, and no blob, if it is not the expected one."""
        digest = Digest.of(bytes(self._data))
        check_expected(expected, digest)
        return self._store.put(bytes(self._data))


class MemoryActionCache:
    """An `ActionCache` in a dictionary."""

    def __init__(self) -> None:
        self.results: dict[Key, ActionResult] = {}

    def get(self, key: Key) -> ActionResult | None:
        """The result kept under a key, or None."""
        return self.results.get(key)

    def put(self, key: Key, result: ActionResult) -> None:
        """Keep a result."""
        self.results[key] = result
