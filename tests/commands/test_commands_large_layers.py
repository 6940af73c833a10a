"""Layers that some registries refuse are told of when the image is built."""

import json

from buildkit.commands.large_layers import warn_of_large_layers
from buildkit.digest import Digest
from buildkit.events import Event, Warned
from buildkit.label import Label
from buildkit.store import MemoryStore

IMAGE = Label("", "models", "large")


def warnings(sizes: list[int], config: dict[str, object] | None) -> list[Event]:
    store = MemoryStore()
    known = store.put(json.dumps(config).encode()) if config is not None else Digest("0" * 64, 2)
    layers = [{"digest": f"sha256:{number:064x}", "size": size} for number, size in enumerate(sizes)]
    manifest = {"config": {"digest": str(known), "size": known.size}, "layers": layers}
    told: list[Event] = []
    warn_of_large_layers(store, {IMAGE: store.put(json.dumps(manifest).encode())}, told.append)
    return told


def test_a_layer_of_more_than_10_gb_is_warned_of_by_its_name() -> None:
    history = [{"created_by": "RUN x", "empty_layer": True}, {"created_by": "base"}, {"created_by": "mbuild: m.bin"}]
    assert warnings([10**10, 12_345_678_901], {"history": history}) == [
        Warned(
            "layer 'm.bin' of '//models:large' has 12.3 GB, and some registries refuse blobs of more than 10 GB: "
            "split the file that it consists of"
        )
    ]


def test_a_layer_without_a_name_is_told_by_its_digest() -> None:
    (told,) = warnings([10**10 + 1], None)
    assert isinstance(told, Warned)
    assert told.message.startswith(f"layer 'sha256:{0:064x}' of '//models:large' has 10.0 GB")


def test_of_an_index_each_layer_is_told_of_once() -> None:
    store, told = MemoryStore(), list[Event]()
    layer = {"digest": f"sha256:{7:064x}", "size": 10**10 + 1}
    manifests = [
        store.put(json.dumps({"config": {"digest": f"sha256:{n:064x}", "size": 2}, "layers": [layer]}).encode())
        for n in range(2)
    ]
    rows = [{"digest": str(digest), "size": digest.size} for digest in (*manifests, Digest("1" * 64, 3))]
    warn_of_large_layers(store, {IMAGE: store.put(json.dumps({"manifests": rows}).encode())}, told.append)
    assert len(told) == 1


def test_an_image_without_such_layers_is_fine() -> None:
    assert warnings([], {}) == warnings([10**10], {}) == []
