"""Layers that known registries refuse, told as soon as an image is built: a push would find it out much later.

In: manifests of images. Out: warnings. A file is never cut in two, so its owner has to split it, or to choose where the
image goes; that is why it is no error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from buildkit.digest import Digest
from buildkit.events import Listener, Warned
from buildkit.label import Label
from buildkit.store import BlobStore

# What the narrowest of the registries in `registry.limits` takes in a blob.
LARGEST = 10 * 10**9


def warn_of_large_layers(store: BlobStore, images: Mapping[Label, Digest], listener: Listener) -> None:
    """Warn of each layer of the images (label → manifest) that is larger than some registries take."""
    for label, digest in images.items():
        _warn_of(store, label, digest, listener)


def _warn_of(store: BlobStore, label: Label, root: Digest, listener: Listener) -> None:
    told = set[str]()
    for manifest in _manifests(store, root):
        layers = manifest.get("layers") or ()
        if not any(layer["size"] > LARGEST for layer in layers):
            continue
        names = _names(store, manifest)
        for number, layer in enumerate(layers):
            if layer["size"] > LARGEST and layer["digest"] not in told:
                told.add(layer["digest"])
                name = names[number] if number < len(names) else layer["digest"]
                listener(
                    Warned(
                        f"layer '{name}' of '{label}' has {layer['size'] / 1e9:.1f} GB, and some registries refuse "
                        f"blobs of more than {LARGEST // 10**9} GB: split the file that it consists of"
                    )
                )


def _manifests(store: BlobStore, digest: Digest) -> Iterator[dict[str, Any]]:
    """The manifest, or those of an index that are here: of bases some are not."""
    document = json.loads(store.read(digest))
    if "manifests" not in document:
        yield document
        return
    below = (Digest.parse(row["digest"], row["size"]) for row in document["manifests"])
    for inner in below:
        if store.has(inner):
            yield from _manifests(store, inner)


def _names(store: BlobStore, manifest: dict[str, Any]) -> list[str]:
    """What the config's history calls the layers; nothing for what is no image's config."""
    config = manifest["config"]
    digest = Digest.parse(config["digest"], config["size"])
    if not store.has(digest):
        return []
    history = json.loads(store.read(digest)).get("history") or ()
    return [entry.get("created_by", "").removeprefix("mbuild: ") for entry in history if not entry.get("empty_layer")]
