"""`mbuild image layers`: the rows of one or several images → a table, or plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from buildkit.digest import Digest, size_text
from buildkit.images.facts import ImageFacts, LayerFacts
from buildkit.report.image.text import printable, short, table

Shared = Mapping[Digest, str]  # what the column says of a layer


def layers_lines(facts: ImageFacts, shared: Shared | None) -> Iterator[str]:
    """The table, lowest layer first; `shared` adds a column."""
    head = ["", "digest", "size", "unpacked", "as", "name", "why"]
    rows = [[*_cells(row), printable(row.name), printable(row.why)] for row in facts.layers]
    if shared is not None:
        head.insert(5, "shared")
        for row, cells in zip(facts.layers, rows, strict=True):
            cells.insert(5, shared.get(row.descriptor.digest, ""))
    yield from table([head, *rows], right=(0, 2, 3))


def _cells(row: LayerFacts) -> list[str]:
    unpacked = row.uncompressed
    digest = row.descriptor.digest
    return [
        str(row.number),
        short(digest),
        size_text(digest.size),
        "" if unpacked is None else size_text(unpacked),
        row.compression or printable(row.descriptor.media_type),
    ]


def layer_data(row: LayerFacts) -> dict[str, Any]:
    """A layer as plain data."""
    return {
        "number": row.number,
        "digest": str(row.descriptor.digest),
        "size": row.descriptor.digest.size,
        "unpackedSize": row.uncompressed,
        "diffId": row.diff_id or None,
        "mediaType": row.descriptor.media_type,
        "name": row.name,
        "why": row.why,
    }


def shared_by(images: Sequence[tuple[str, ImageFacts]], index: int) -> Shared:
    """Of one image's layers, the numbers (from 1) of the other images on the command line that hold it too."""
    held = [{row.descriptor.digest for row in facts.layers} for _, facts in images]
    found = {}
    for row in images[index][1].layers:
        digest = row.descriptor.digest
        others = [f"#{number}" for number, theirs in enumerate(held, 1) if number != index + 1 and digest in theirs]
        found[digest] = " ".join(others)
    return found


def sharing_lines(images: Sequence[tuple[str, ImageFacts]]) -> Iterator[str]:
    """What all images weigh, each layer counted once."""
    every = [row.descriptor.digest for _, facts in images for row in facts.layers]
    together = sum(digest.size for digest in set(every))
    apart = sum(digest.size for digest in every)
    yield f"{len(images)} images: {size_text(apart)} of layers, {size_text(together)} where each is kept once"
