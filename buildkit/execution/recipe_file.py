"""A recipe as a seekable file, so that a tar reader can pass over big members without reading them.

In: a recipe whose segments the store holds. Out: a file, and for a place in it the whole blob that begins there.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
from types import TracebackType
from typing import BinaryIO, Self

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import BlobStore

BIG = 1 << 20


class RecipeFile(io.RawIOBase, BinaryIO):
    """Reads segments at any place. Bytes are those of the files that hold them now."""

    def __init__(self, recipe: Recipe, store: BlobStore) -> None:
        self._segments = [part for part in recipe.segments if _length(part)]
        self._starts = [0, *accumulate(_length(part) for part in self._segments)]
        self._store = store
        self._place = 0

    def whole_blob(self, start: int, length: int) -> Digest | None:
        """The big blob, held by a file, that is the `length` bytes from `start`; else None."""
        index = bisect_right(self._starts, start) - 1
        if length < BIG or index >= len(self._segments) or self._starts[index] != start:
            return None
        part = self._segments[index]
        whole = isinstance(part, Slice) and part.offset == 0 and part.length == part.digest.size == length
        return part.digest if whole and self._store.path(part.digest) else None  # type: ignore[union-attr]

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The place from which the next bytes are read."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._starts[-1]}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; fewer only at the end."""
        end = self._starts[-1] if size < 0 else min(self._place + size, self._starts[-1])
        parts: list[bytes] = []
        while self._place < end:
            parts.append(self._some(end - self._place))
            self._place += len(parts[-1])
        return b"".join(parts)

    def _some(self, wanted: int) -> bytes:
        index = bisect_right(self._starts, self._place) - 1
        part, inner = self._segments[index], self._place - self._starts[index]
        count = min(wanted, _length(part) - inner)
        if isinstance(part, Inline):
            return part.data[inner : inner + count]
        path = self._store.path(part.digest)
        if path is None:
            with self._store.open(part.digest) as source:
                data = source.read()[part.offset + inner :][:count]
        else:
            with path.open("rb") as source:
                source.seek(part.offset + inner)
                data = source.read(count)
        if len(data) != count:
            raise BuildFailure(f"{part.digest} is shorter than it was", hint="a source changed; build again")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _length(part: Inline | Slice) -> int:
    return len(part.data) if isinstance(part, Inline) else part.length
