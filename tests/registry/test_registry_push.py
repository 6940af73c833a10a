"""The order of a push, and what stops one, against the registry in memory."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from little_registry import Shelf

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Event, Progress, ignore
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry, StoreSource, push
from buildkit.registry.contents import NamedBlob, read_contents
from buildkit.registry.registry import Moved, OpenBlob
from buildkit.store import DiskStore

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = Digest.of(b'{"architecture": "amd64"}')
TAGGED = Reference("registry.example", "ml/fraud", "v1")


def index(store: Shelf, *manifests: Digest) -> Digest:
    rows = [{"mediaType": OCI, "digest": str(digest), "size": digest.size} for digest in manifests]
    return store.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode())


def test_a_push_gives_the_manifests_digest_and_tags_its_very_bytes() -> None:
    store, registry = Shelf(), MemoryRegistry()
    image = store.image(b"one", b"two")
    assert push(TAGGED, image, store, registry, ignore, 4) == image
    assert registry.manifests["ml/fraud", "v1"] == store.read(image)
    assert registry.calls[-2:] == [f"push_manifest {image} {OCI}", f"push_manifest v1 {OCI}"]


def test_a_blob_that_several_layers_name_is_sent_once() -> None:
    store, registry = Shelf(), MemoryRegistry()
    push(TAGGED, store.image(b"same", b"same"), store, registry, ignore, 4)
    assert registry.calls.count(f"push_blob {Digest.of(b'same')}") == 1


def test_what_is_there_is_not_sent_again_and_counts_as_done() -> None:
    store, registry = Shelf(), MemoryRegistry()
    image = store.image(b"one")
    push(TAGGED, image, store, registry, ignore, 1)
    registry.calls.clear()
    events: list[Event] = []
    push(TAGGED, image, store, registry, events.append, 1)
    layer = Digest.of(b"one")
    assert registry.calls[:2] == [f"has {CONFIG}", f"has {layer}"]
    assert events == [
        Progress(f"push config ({CONFIG.hex[:12]})", CONFIG.size, CONFIG.size),
        Progress(f"push layer 1 ({layer.hex[:12]})", layer.size, layer.size),
    ]


def test_an_index_goes_after_its_manifests() -> None:
    store, registry = Shelf(), MemoryRegistry()
    first, second = store.image(b"amd64"), store.image(b"arm64")
    both = index(store, first, second)
    push(TAGGED, both, store, registry, ignore, 1)
    manifests = [call for call in registry.calls if call.startswith("push_manifest")]
    assert manifests == [
        f"push_manifest {first} {OCI}",
        f"push_manifest {second} {OCI}",
        f"push_manifest {both} {INDEX}",
        f"push_manifest v1 {INDEX}",
    ]


def test_without_a_tag_the_digest_is_the_only_name() -> None:
    store, registry = Shelf(), MemoryRegistry()
    image = store.image(b"one")
    reference = Reference("registry.example", "ml/fraud", None, str(image))
    push(reference, image, store, registry, ignore, 1)
    assert set(registry.manifests) == {("ml/fraud", str(image))}


def test_a_reference_with_another_digest_is_refused() -> None:
    store, registry = Shelf(), MemoryRegistry()
    image = store.image(b"one")
    reference = Reference("registry.example", "ml/fraud", "v1", str(CONFIG))
    with pytest.raises(BuildError) as caught:
        push(reference, image, store, registry, ignore, 1)
    assert str(caught.value) == (
        f"error: cannot push {image} as 'registry.example/ml/fraud:v1@{CONFIG}': the digests differ\n"
        "hint: leave the digest out of the reference: the push prints it"
    )
    assert registry.calls == []


@pytest.mark.parametrize("data", [b"weights", b"[]", b'{"layers": [{"digest": "sha256:0"}]}'])
def test_what_is_no_manifest_is_not_pushed(data: bytes) -> None:
    store = Shelf()
    digest = store.put(data)
    with pytest.raises(BuildFailure, match="is no image manifest or index"):
        push(TAGGED, digest, store, MemoryRegistry(), ignore, 1)


def test_a_weights_file_edited_after_the_build_is_named_and_nothing_is_tagged(tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(bytes(3 << 20))
    store = DiskStore(tmp_path / "store")
    adopted = store.adopt(weights)
    layer = store.seal(Recipe((Inline(b"header"), Slice(adopted, 0, adopted.size), Inline(b"end"))))
    config = store.put(b"{}")
    rows = [{"mediaType": OCI, "digest": str(digest), "size": digest.size} for digest in (config, layer)]
    image = store.put(json.dumps({"config": rows[0], "layers": rows[1:]}).encode())
    registry = MemoryRegistry()
    push(TAGGED, image, store, registry, ignore, 2)
    assert len(registry.blobs["ml/fraud", str(layer)]) == layer.size

    weights.write_bytes(b"x" * (3 << 20))
    registry = MemoryRegistry()
    with pytest.raises(BuildFailure) as caught:
        push(TAGGED, image, store, registry, ignore, 2)
    assert str(weights) in caught.value.message
    assert registry.manifests == {}


class BrokenRegistry(MemoryRegistry):
    """Fails for one blob while another is on its way without end."""

    def __init__(self, broken: Digest) -> None:
        super().__init__()
        self.broken = broken
        self.under_way = threading.Event()
        self.stopped = False

    def push_blob(
        self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved, source_repository: str | None = None
    ) -> bool:
        if digest == CONFIG:
            return super().push_blob(repository, digest, open_blob, moved)
        if digest == self.broken:
            self.under_way.wait(10)
            raise BuildFailure("'weights.bin' has changed since it was built")
        try:
            while True:
                self.under_way.set()
                moved(1)
        finally:
            self.stopped = True


def test_the_first_failure_stops_the_others_and_nothing_is_tagged() -> None:
    store = Shelf()
    registry = BrokenRegistry(Digest.of(b"broken"))
    with pytest.raises(BuildFailure) as caught:
        push(TAGGED, store.image(b"endless", b"broken", b"never begun"), store, registry, ignore, 2)
    assert str(caught.value) == "error: 'weights.bin' has changed since it was built"
    assert registry.stopped
    assert registry.manifests == {}


def test_the_registry_in_memory_refuses_a_manifest_whose_blobs_are_missing() -> None:
    store, registry = Shelf(), MemoryRegistry()
    image = store.image(b"one")
    with pytest.raises(EnvironmentFault) as caught:
        registry.push_manifest("ml/fraud", "v1", store.read(image), OCI)
    assert caught.value.message == f"registry refused a manifest that names {CONFIG}, which it lacks"


class Silent(MemoryRegistry):
    """Takes the config; then a person presses Ctrl-C, and no answer comes until `end` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.end = threading.Event()

    def push_blob(
        self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved, source_repository: str | None = None
    ) -> bool:
        if digest != CONFIG:
            os.kill(os.getpid(), signal.SIGINT)
            self.end.wait(30)
        return super().push_blob(repository, digest, open_blob, moved)


def test_who_interrupts_does_not_wait_for_a_silent_registry() -> None:
    store, registry = Shelf(), Silent()
    with pytest.raises(KeyboardInterrupt):
        push(TAGGED, store.image(b"one"), store, registry, ignore, 2)
    answered = any(call.startswith("push_blob") and str(CONFIG) not in call for call in registry.calls)
    registry.end.set()
    assert (answered, registry.manifests) == (False, {})


def test_what_several_images_of_an_index_share_is_asked_for_and_sent_once() -> None:
    store, registry = Shelf(), MemoryRegistry()
    first, second = store.image(b"base", b"amd64", b"base"), store.image(b"base", b"arm64")
    both = index(store, first, second, first)
    push(TAGGED, index(store, both, second), store, registry, ignore, 1)
    blobs = [CONFIG, *map(Digest.of, (b"base", b"amd64", b"arm64"))]
    assert [call for call in registry.calls if call.startswith("has")] == [f"has {blob}" for blob in blobs]
    assert sorted(call for call in registry.calls if call.startswith("push_blob")) == sorted(
        f"push_blob {blob}" for blob in blobs
    )
    pushed = [call.split()[1] for call in registry.calls if call.startswith("push_manifest")]
    assert pushed[:3] == [str(first), str(second), str(both)]
    assert len(pushed) == 5


def test_blobs_with_two_names_go_by_the_first() -> None:
    store = Shelf()
    image = store.image(b"same", b"other", b"same")
    contents = read_contents(StoreSource(store), image)
    assert contents.blobs == (
        NamedBlob(CONFIG, "config"),
        NamedBlob(Digest.of(b"same"), "layer 1"),
        NamedBlob(Digest.of(b"other"), "layer 2"),
    )


@pytest.mark.parametrize(("count", "size"), [(1001, 2), (20, 4 << 20)])
def test_an_index_of_manifests_without_end_is_refused(count: int, size: int) -> None:
    """All of them are held in memory, and a registry may name as many as it likes."""
    store = Shelf()
    images = [store.put(json.dumps({"config": None, "number": number}).encode().ljust(size)) for number in range(count)]
    rows = [{"mediaType": OCI, "digest": str(image), "size": image.size} for image in images]
    with pytest.raises(BuildFailure, match="an image of more than 1000 manifests, or 64 MiB of them, is none"):
        read_contents(StoreSource(store), store.put(json.dumps({"mediaType": INDEX, "manifests": rows}).encode()))
