"""Layers that are sent while they are hashed: what is begun, what becomes of it, and that it makes no push fail."""

from __future__ import annotations

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from little_registry import Shelf

from buildkit.digest import Digest
from buildkit.errors import BuildError, EnvironmentFault
from buildkit.events import Event, Progress, ignore
from buildkit.reference import Reference
from buildkit.registry import Early, MemoryRegistry, Pushed, StoreSource, carry_out, planned, push
from buildkit.registry.registry import Moved, OpenBlob, Sent

WEIGHTS = bytes(64 << 20)
LAYER = Digest.of(WEIGHTS)
CONFIG = Digest.of(b'{"architecture": "amd64"}')
TAGGED = Reference("registry.example", "ml/fraud", "v2")
INDEX = "application/vnd.oci.image.index.v1+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


class Telling(MemoryRegistry):
    """A registry that says when bytes have come."""

    def __init__(self) -> None:
        super().__init__()
        self.has_come = threading.Event()

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        sent = super().send_blob(repository, size, open_blob, moved)
        self.has_come.set()
        return sent


class Build:
    """A build that makes a layer of weights, and what is pushed after it."""

    def __init__(self, registry: MemoryRegistry, weights: bytes = WEIGHTS, most: int | None = None) -> None:
        self.registry = registry
        self.store = Shelf()
        self.weights = weights
        self.image = self.store.image(weights)
        self.events: list[Event] = []
        self.early = Early(lambda: registry, TAGGED, 4, most=most)

    def hash(self) -> None:
        """What a store does: say that it reads a stream, and then what it is."""
        self.early.begin(len(self.weights), lambda: io.BytesIO(self.weights))(Digest.of(self.weights))

    def push(self) -> Pushed:
        with self.early:
            self.hash()
            source = StoreSource(self.store)
            plan = planned(source, self.image, TAGGED, self.registry, 4)
            return carry_out(plan, source, self.registry, self.events.append, 4, self.early)


def moves(registry: MemoryRegistry) -> list[str]:
    """What was done with bytes and names; config and weights go at the same time, so sorted."""
    return sorted(call for call in registry.calls if not call.startswith(("has", "open_blob")))


def manifests(build: Build, tag: str = "v2") -> list[str]:
    return [f"push_manifest {build.image} {OCI}", f"push_manifest {tag} {OCI}"]


def test_what_is_hashed_is_on_its_way_while_the_build_goes_on() -> None:
    registry = Telling()
    build = Build(registry)
    with build.early:
        build.hash()
        assert registry.has_come.wait(30)
        assert moves(registry) == [f"send_blob {LAYER.size}"]


def test_what_was_begun_is_named_and_not_sent_again() -> None:
    build = Build(MemoryRegistry())
    pushed = build.push()
    sent = [f"name {LAYER}", f"push_blob {CONFIG}", f"send_blob {LAYER.size}"]
    assert moves(build.registry) == sorted([*sent, *manifests(build)])
    assert (pushed.uploaded, pushed.skipped) == (LAYER.size + CONFIG.size, 0)
    assert build.registry.blobs["ml/fraud", str(LAYER)] == WEIGHTS


def test_how_far_it_came_is_told_under_the_layers_name() -> None:
    build = Build(MemoryRegistry())
    build.push()
    told = [event for event in build.events if isinstance(event, Progress) and event.total == LAYER.size]
    assert told[-1] == Progress(f"push layer 1 ({LAYER.hex[:12]})", LAYER.size, LAYER.size)


def test_a_small_stream_waits_for_its_name() -> None:
    build = Build(MemoryRegistry(), b"small")
    build.push()
    pushes = [f"push_blob {CONFIG}", f"push_blob {Digest.of(b'small')}"]
    assert moves(build.registry) == sorted([*pushes, *manifests(build)])


def test_a_stream_that_the_registry_will_not_take_is_not_begun() -> None:
    build = Build(MemoryRegistry(), most=LAYER.size - 1)
    with build.early:
        build.hash()
    assert build.registry.calls == []


@pytest.mark.parametrize(
    ("tag", "begun"), [("v2", False), ("v1", False), (f"sha256-{LAYER.hex}", True), (f"sha256-{LAYER.hex}.sig", True)]
)
def test_where_an_image_has_a_layer_of_the_same_size_nothing_begins_since_it_is_most_likely_that(
    tag: str, begun: bool
) -> None:
    registry = MemoryRegistry()
    before = Shelf()
    push(Reference("registry.example", "ml/fraud", tag), before.image(b"\1" * LAYER.size), before, registry, ignore, 1)
    registry.calls.clear()
    build = Build(registry)
    build.push()
    ways = [f"send_blob {LAYER.size}", f"name {LAYER}"] if begun else [f"push_blob {LAYER}"]
    assert moves(registry) == sorted([*ways, *manifests(build)])


def test_where_the_image_under_the_tag_has_other_layers_sending_begins() -> None:
    registry = MemoryRegistry()
    before = Shelf()
    push(TAGGED, before.image(b"other"), before, registry, ignore, 1)
    registry.calls.clear()
    build = Build(registry)
    build.push()
    assert moves(registry) == sorted([f"send_blob {LAYER.size}", f"name {LAYER}", *manifests(build)])


def test_what_turns_out_to_be_there_is_given_up() -> None:
    registry = MemoryRegistry()
    registry.blobs["ml/fraud", str(LAYER)] = WEIGHTS
    build = Build(registry)
    pushed = build.push()
    assert moves(registry) in (  # the build may be over before anything was sent
        sorted([f"send_blob {LAYER.size}", f"cancel {LAYER.size}", f"push_blob {CONFIG}", *manifests(build)]),
        sorted([f"push_blob {CONFIG}", *manifests(build)]),
    )
    assert (pushed.uploaded, pushed.skipped) == (CONFIG.size, LAYER.size)


def test_what_the_repository_has_is_sent_no_further_than_to_its_digest() -> None:
    stopped = threading.Event()

    class Endless(MemoryRegistry):
        def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
            try:
                while not time.sleep(0.01):
                    moved(0)
            finally:
                stopped.set()

    registry = Endless()
    registry.blobs["ml/fraud", str(LAYER)] = WEIGHTS
    build = Build(registry)
    with build.early:
        build.hash()
        assert stopped.wait(30), "while the build goes on"


def test_of_two_equal_layers_the_one_that_was_begun_first_is_named() -> None:
    class Numbering(Telling):
        def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
            if self.has_come.is_set():
                raise EnvironmentFault("the second is late")
            return super().send_blob(repository, size, open_blob, moved)

    registry = Numbering()
    build = Build(registry)
    with build.early:
        build.hash()
        assert registry.has_come.wait(30)
        build.hash()
        assert build.early.finish(LAYER, lambda done: None, registry)


def test_a_build_that_fails_leaves_nothing_in_the_registry() -> None:
    registry = Telling()
    build = Build(registry)

    def failing() -> None:
        with build.early:
            build.hash()
            assert registry.has_come.wait(30)
            raise BuildError("the build failed")

    with pytest.raises(BuildError, match="the build failed"):
        failing()
    assert (moves(registry), registry.blobs) == ([f"cancel {LAYER.size}", f"send_blob {LAYER.size}"], {})


class Refusing(MemoryRegistry):
    """A registry that takes no bytes without a digest."""

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        return None


class Forgetful(MemoryRegistry):
    """A registry that forgets what it was sent."""

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        super().send_blob(repository, size, open_blob, moved)
        return _Lost()


class _Lost:
    def cancel(self) -> None:
        """There is nothing."""


class Other(MemoryRegistry):
    """A registry that takes the bytes for other ones."""

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        return super().send_blob(repository, size, lambda: io.BytesIO(b"\1" * size), moved)


class Broken(MemoryRegistry):
    """A registry that stops in the midst of the bytes."""

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        raise EnvironmentFault("cannot reach registry")


class Failing(MemoryRegistry):
    """A registry whose tags cannot be listed."""

    def tags(self, repository: str) -> list[str]:
        self._record("tags")
        raise EnvironmentFault("cannot list tags")


@pytest.mark.parametrize("registry", [Refusing(), Forgetful(), Other(), Broken(), Failing()])
def test_what_did_not_arrive_is_sent_in_the_ordinary_way(registry: MemoryRegistry) -> None:
    build = Build(registry)
    build.push()
    assert f"push_blob {LAYER}" in registry.calls
    assert registry.blobs["ml/fraud", str(LAYER)] == WEIGHTS


def test_a_registry_whose_tags_cannot_be_listed_is_asked_for_them_once() -> None:
    registry = Failing()
    build = Build(registry)
    with build.early:
        for _ in range(3):
            build.hash()
    assert registry.calls == ["tags"]


def test_a_push_does_not_wait_for_a_registry_that_does_not_list_its_tags() -> None:
    listed = threading.Event()

    class Slow(MemoryRegistry):
        def tags(self, repository: str) -> list[str]:
            assert listed.wait(30)
            return super().tags(repository)

    registry = Slow()
    build = Build(registry)
    with build.early:
        build.hash()
        assert build.early.finish(LAYER, lambda done: None, registry) is False
        listed.set()
    assert registry.calls == []


def test_a_layer_that_is_mounted_is_given_up() -> None:
    registry = Telling()
    registry.blobs["ml/base", str(LAYER)] = WEIGHTS
    build = Build(registry)
    origins = {LAYER: Reference(TAGGED.host, "ml/base", "v1")}
    with build.early:
        build.hash()
        assert registry.has_come.wait(30)
        source = StoreSource(build.store, origins)
        pushed = carry_out(planned(source, build.image, TAGGED, registry, 4), source, registry, ignore, 4, build.early)
    assert (pushed.mounted, pushed.uploaded) == (LAYER.size, CONFIG.size)
    assert f"cancel {LAYER.size}" in registry.calls
    assert f"name {LAYER}" not in registry.calls


def test_what_the_registry_lost_after_it_was_named_is_sent_in_the_ordinary_way() -> None:
    class Losing(MemoryRegistry):
        lost = False

        def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
            if not self.lost:
                self.lost = True
                del self.blobs[repository, str(LAYER)]
                raise EnvironmentFault("registry answered 400: MANIFEST_BLOB_UNKNOWN: blob unknown to registry")
            return super().push_manifest(repository, name, manifest, media_type)

    registry = Losing()
    Build(registry).push()
    assert [call for call in registry.calls if call.endswith(str(LAYER)) and not call.startswith("has")] == [
        f"name {LAYER}",
        f"push_blob {LAYER}",
    ]


@pytest.mark.parametrize(
    ("tags", "begun"),
    [(("v9", "v10"), False), (("v10", "v9"), True), (("1.9", "1.10"), False)],
)
def test_of_several_tags_the_last_by_its_numbers_is_looked_at(tags: tuple[str, ...], begun: bool) -> None:
    """The second of them has a layer of the same size, and the first has not."""
    registry = MemoryRegistry()
    for tag, data in zip(tags, (b"other", b"\1" * LAYER.size), strict=True):
        before = Shelf()
        push(Reference("registry.example", "ml/fraud", tag), before.image(data), before, registry, ignore, 1)
    build = Build(registry)
    build.push()
    assert (f"send_blob {LAYER.size}" in registry.calls) is begun


def test_of_an_index_the_images_are_looked_at() -> None:
    registry = MemoryRegistry()
    before = Shelf()
    image = before.image(b"\1" * LAYER.size)
    row = {"mediaType": OCI, "digest": str(image), "size": image.size}
    root = before.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}).encode())
    push(Reference("registry.example", "ml/fraud", "v1"), root, before, registry, ignore, 1)
    build = Build(registry)
    build.push()
    assert f"send_blob {LAYER.size}" not in registry.calls


def test_what_is_given_up_while_it_is_waited_for_is_given_up_once() -> None:
    awaited = threading.Event()

    class Endless(Telling):
        def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
            self.has_come.set()
            while not time.sleep(0.01):
                moved(0)

    registry = Endless()
    build = Build(registry)
    with ThreadPoolExecutor(1) as pool, build.early:
        build.hash()
        assert registry.has_come.wait(30)
        finished = pool.submit(build.early.finish, LAYER, lambda done: awaited.set(), registry)
        assert awaited.wait(30)
        build.early.keep(())
        assert finished.result(30) is False
