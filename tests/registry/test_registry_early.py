"""Layers that are sent while they are hashed: what is begun, what becomes of it, and that it makes no push fail."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

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
OCI = "application/vnd.oci.image.manifest.v1+json"


class Telling(MemoryRegistry):
    """A registry that says when bytes have come."""

    def __init__(self) -> None:
        super().__init__()
        self.has_come = threading.Event()

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent:
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
        self.early = Early(registry, TAGGED, 4, most=most)

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


def test_what_is_hashed_is_on_its_way_before_the_registry_is_asked_for_it() -> None:
    registry = Telling()
    build = Build(registry)
    with build.early:
        build.hash()
        assert registry.has_come.wait(30)
        assert registry.calls == [f"send_blob {LAYER.size}"]


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


@pytest.mark.parametrize(("tag", "begun"), [("v2", False), ("v1", False), (f"sha256-{LAYER.hex}", True)])
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
    assert (registry.calls, registry.blobs) == ([f"send_blob {LAYER.size}", f"cancel {LAYER.size}"], {})


class Refusing(MemoryRegistry):
    """A registry that takes no bytes without a digest."""

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent:
        raise EnvironmentFault("no")


class Forgetful(MemoryRegistry):
    """A registry that forgets what it was sent."""

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent:
        sent = super().send_blob(repository, size, open_blob, moved)
        return _Lost(sent.cancel)


class _Lost:
    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel

    def name(self, digest: Digest) -> None:
        raise EnvironmentFault("unknown upload")


class Failing(MemoryRegistry):
    """A registry whose manifests cannot be read."""

    def tags(self, repository: str) -> list[str]:
        raise EnvironmentFault("cannot list tags")


@pytest.mark.parametrize("registry", [Refusing(), Forgetful(), Failing()])
def test_what_did_not_arrive_is_sent_in_the_ordinary_way(registry: MemoryRegistry) -> None:
    build = Build(registry)
    build.push()
    assert f"push_blob {LAYER}" in registry.calls
    assert registry.blobs["ml/fraud", str(LAYER)] == WEIGHTS
