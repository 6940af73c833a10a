"""Descriptor outputs → the layers of an image or artifact, lowest first, as config and manifest both have them.

From stable to volatile: layers of several models stand by what they are for, all weights below all code. A layer that
holds nothing, or that is there already, is left out. All this is right since layers that this build makes fit over each
other in any order, which `image_config` checks. A layer of an image of others stays where it is, and so do those on
either side of it: nobody here knows what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from buildkit.content import Blob, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.layer import Layer
from buildkit.store import BlobStore

_ROLES = ("base", "system", "packages", "bytecode", "weights", "weights.config", "doc", "code", "config")
_RANKS = {role: rank for rank, role in enumerate(_ROLES)}
_NO_FILES = Digest.of(Tree(()).to_json())


def stacked(store: BlobStore, descriptors: Iterable[Blob]) -> list[Layer]:
    """The layers, of which there is one at least if any is given."""
    given = [Layer.from_json(store.read(digest)) for blob in descriptors for digest in blob.parts(store.read)]
    layers: list[Layer] = []
    for is_foreign, found in groupby(given, key=lambda layer: layer.tree is None):
        run = [*found]
        layers += run if is_foreign else _in_order(_needed(run))
    return layers or given[:1]


def documents_of(store: BlobStore, layers: Sequence[Layer], trees: Iterable[Blob], what: str) -> list[bytes | None]:
    """Each layer's list of what it holds; None for those of an image of others.

    Raises BuildFailure where `trees`, the outputs of the layers' tools, lack one.
    """
    there = {digest for blob in trees for digest in blob.parts(store.read)}
    lacking = [layer.about.name or str(layer.descriptor.digest) for layer in layers if layer.tree not in {None, *there}]
    if lacking:
        raise BuildFailure(
            f"'trees' of {what} lack that of layer '{lacking[0]}': expected one for each of 'descriptors'"
        )
    return [store.read(layer.tree) if layer.tree else None for layer in layers]


def _needed(layers: Iterable[Layer]) -> list[Layer]:
    first: dict[str, Layer] = {}
    for layer in layers:
        if layer.tree != _NO_FILES:
            first.setdefault(layer.diff_id, layer)
    return [*first.values()]


def _in_order(layers: Iterable[Layer]) -> list[Layer]:
    """By role; a layer of none that is known stays above the one that it was above."""
    rank, ranked = 0, []
    for layer in layers:
        rank = _RANKS.get(layer.about.role, rank)
        ranked.append((rank, layer))
    return [layer for _, layer in sorted(ranked, key=lambda pair: pair[0])]
