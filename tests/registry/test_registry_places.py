"""What was pushed once is mounted into other repositories of the same host."""

from __future__ import annotations

from pathlib import Path

from little_registry import Shelf

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry, Places, StoreSource, Way, copy_image, planned
from buildkit.store import SpareFiles

WEIGHTS = b"weights" * 1000


def told(fault: EnvironmentFault) -> None:
    raise AssertionError(fault.message)


def test_three_views_of_a_model_send_its_weights_once(tmp_path: Path) -> None:
    store, registry = Shelf(), MemoryRegistry()
    places = Places(SpareFiles(tmp_path, "pushed", told))
    source = StoreSource(store, places=places)
    sent = []
    for view in ("image", "volume", "artifact"):
        root = store.image(WEIGHTS, view.encode())
        reference = Reference("registry.example", f"ml/{view}", "v1")
        plan = planned(source, root, reference, registry, 2)
        copy_image(source, root, reference, registry, ignore, 2)
        for blob in plan.contents.blobs:
            places.note(reference.host, reference.repository, blob.digest)
        sent.append(next(step.way for step in plan.steps if step.blob.digest == Digest.of(WEIGHTS)))
    assert sent == [Way.UPLOAD, Way.MOUNT, Way.MOUNT]
    assert registry.calls.count(f"push_blob {Digest.of(WEIGHTS)}") == 1


def test_a_place_is_one_hosts_and_the_last(tmp_path: Path) -> None:
    places, digest = Places(SpareFiles(tmp_path, "pushed", told)), Digest.of(b"x")
    places.note("a.example", "one", digest)
    places.note("a.example", "two/three", digest)
    assert places.find("a.example", digest) == Reference("a.example", "two/three")
    assert places.find("b.example", digest) is None
    assert places.find("a.example", Digest.of(b"y")) is None


def test_a_place_that_holds_the_blob_no_more_costs_nothing(tmp_path: Path) -> None:
    store, registry = Shelf(), MemoryRegistry()
    places = Places(SpareFiles(tmp_path, "pushed", told))
    root = store.image(WEIGHTS)
    places.note("registry.example", "gone", Digest.of(WEIGHTS))
    done = copy_image(
        StoreSource(store, places=places), root, Reference("registry.example", "ml/fraud", "v1"), registry, ignore, 2
    )
    assert (done.mounted, done.uploaded) == (0, len(WEIGHTS) + len(b'{"architecture": "amd64"}'))
