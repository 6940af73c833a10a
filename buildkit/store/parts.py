"""A part of a blob, wherever the store has it: a file is sought in, a recipe is read from the segment on that is meant.

In: a store, a digest, an offset and a length. Out: a reader. Whole blobs are verified, parts cannot be.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from buildkit.content import Inline
from buildkit.digest import Digest
from buildkit.store.disk import DiskStore
from buildkit.store.faults import reading

_CHUNK = 1 << 20


class Reading(Protocol):
    """Bytes in order."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@contextmanager
def open_part(store: DiskStore, digest: Digest, offset: int = 0, length: int | None = None) -> Iterator[Reading]:
    """A blob's bytes, or `length` of them from `offset` on. BuildFailure where the store lacks them."""
    if offset == 0 and length is None:
        with store.open(digest) as whole:
            yield whole
        return
    yield _Joined(_pieces(store, digest, offset, digest.size - offset if length is None else length))


class _Joined:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def read(self, size: int, /) -> bytes:
        if not self._held:
            self._held = next(self._pieces, b"")
        data, self._held = self._held[:size], self._held[size:]
        return data


def _pieces(store: DiskStore, digest: Digest, offset: int, length: int) -> Iterator[bytes]:
    recipe = None if store.path(digest) else store.recipe(digest)
    if recipe is None:
        yield from _of_file(store, digest, offset, length)
        return
    begin = 0
    for segment in recipe.segments:
        size = len(segment.data) if isinstance(segment, Inline) else segment.length
        first, last = max(offset - begin, 0), min(offset + length - begin, size)
        begin += size
        if first < last and isinstance(segment, Inline):
            yield segment.data[first:last]
        elif first < last and not isinstance(segment, Inline):
            yield from _pieces(store, segment.digest, segment.offset + first, last - first)


def _of_file(store: DiskStore, digest: Digest, offset: int, length: int) -> Iterator[bytes]:
    path = store.path(digest)
    if path is None:  # the store says what became of it
        with store.open(digest) as source:
            source.read(1)
        return
    with reading(path), path.open("rb") as file:
        file.seek(offset)
        while length and (chunk := file.read(min(length, _CHUNK))):
            length -= len(chunk)
            yield chunk
