"""Recipes as files, and cuts of them.

In: a `Recipe`. Out: its sealed document (headers compress to almost nothing) and back; a range of its stream.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.store.keyed import seal, unseal


def encode(recipe: Recipe) -> bytes:
    """The recipe as a document with a checksum."""
    rows = [_row(segment) for segment in recipe.segments]
    return seal("recipe", zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1))


def decode(document: bytes) -> Recipe | None:
    """Read what `encode` wrote; None if it is damaged or some other version's."""
    payload = unseal("recipe", document)
    if payload is None:
        return None
    try:
        return Recipe(tuple(_segment(row) for row in json.loads(zlib.decompress(payload))))
    except (ValueError, TypeError, KeyError, IndexError, zlib.error, BuildError):
        return None


def _row(segment: Inline | Slice) -> object:
    if isinstance(segment, Inline):
        return base64.b64encode(segment.data).decode()
    return [str(segment.digest), segment.digest.size, segment.offset, segment.length]


def _segment(row: str | list[object]) -> Inline | Slice:
    if isinstance(row, str):
        return Inline(base64.b64decode(row, validate=True))
    text, size, offset, length = row
    return Slice(Digest.parse(str(text), int(str(size))), int(str(offset)), int(str(length)))


def cut(recipe: Recipe, offset: int, length: int) -> Iterator[Inline | Slice]:
    """The segments that make `length` bytes of the recipe's stream from `offset` on."""
    end = offset + length
    position = 0
    for segment in recipe.segments:
        size = len(segment.data) if isinstance(segment, Inline) else segment.length
        start, stop = max(offset - position, 0), min(end - position, size)
        position += size
        if start >= stop:
            continue
        if isinstance(segment, Inline):
            yield Inline(segment.data[start:stop])
        else:
            yield Slice(segment.digest, segment.offset + start, stop - start)
