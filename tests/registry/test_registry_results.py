"""Results of actions in a registry: found by others, verified, and never a reason for a build to fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cache_notes import Notes

from buildkit.digest import Digest, Key
from buildkit.errors import EnvironmentFault
from buildkit.events import Event, Warned
from buildkit.oci.descriptor import MANIFEST
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry
from buildkit.registry.cache.entry import ARTIFACT
from buildkit.registry.cache.results import Policy, RegistryResults
from buildkit.registry.faults import NoAccess
from buildkit.store import ActionResult, MemoryStore

PLACE = Reference("registry.example", "ci/cache")
KEY = Key.of("test", "an action")
OTHER = Key.of("test", "another action")


class World:
    """One registry, and the machines that share results by it."""

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.events: list[Event] = []

    def results(self, store: MemoryStore, notes: Notes | None = None, **policy: Any) -> RegistryResults:
        known = Notes() if notes is None else notes
        return RegistryResults(lambda: self.registry, PLACE, store, Policy(**policy), self.events.append, known)

    def kept(self, *texts: bytes, made: float = 1000.0, key: Key = KEY) -> ActionResult:
        """A result that one machine keeps for the others."""
        store = MemoryStore()
        result = ActionResult({f"out{number}": store.put(text) for number, text in enumerate(texts)})
        with self.results(store, now=lambda: made) as shared:
            shared.offer(key, result, result.digests())
        return result

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


class Hesitant(MemoryRegistry):
    """Does not find for a moment what another machine sends at the same time."""

    times = 1

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        self.times -= 1
        if self.times >= 0:
            raise EnvironmentFault("registry answered 400: MANIFEST_BLOB_UNKNOWN: blob unknown to registry")
        return super().push_manifest(repository, name, manifest, media_type)


@pytest.fixture
def world() -> World:
    return World()


def test_what_one_machine_keeps_another_finds_with_its_bytes(world: World) -> None:
    result = world.kept(b"a layer", b"its descriptor")
    store = MemoryStore()
    held: list[Digest] = []
    with RegistryResults(
        lambda: world.registry, PLACE, store, Policy(), world.events.append, Notes(), held.append
    ) as shared:
        assert shared.find(KEY) == result
        assert shared.find(OTHER) is None
    assert sorted(held) == sorted(result.digests())
    assert [store.read(digest) for digest in result.outputs.values()] == [b"a layer", b"its descriptor"]
    assert world.warnings == []


@pytest.mark.parametrize(("times", "warnings"), [(1, 0), (2, 1)])
def test_a_registry_that_does_not_find_a_blob_is_asked_once_more(world: World, times: int, warnings: int) -> None:
    world.registry = Hesitant()
    world.registry.times = times
    result = world.kept(b"a layer")
    with world.results(MemoryStore(), now=lambda: 1000.0) as shared:
        assert shared.find(KEY) == (None if warnings else result)
    assert len(world.warnings) == warnings


def test_an_entry_is_an_artifact_under_a_tag_of_its_key(world: World) -> None:
    result = world.kept(b"a layer")
    document = world.registry.manifest(PLACE.repository, f"action-{KEY.hex}")
    assert document
    manifest = json.loads(document.data)
    assert manifest["artifactType"] == ARTIFACT
    assert [row["digest"] for row in manifest["layers"]] == [str(digest) for digest in result.digests()]
    config = json.loads(world.registry.blobs[PLACE.repository, manifest["config"]["digest"]])
    outputs = [[name, str(digest), digest.size] for name, digest in result.outputs.items()]
    assert config == {
        "key": KEY.hex,
        "made": 1000,
        "result": {"outputs": outputs, "exit_code": 0, "log": None},
    }


def test_an_entry_that_is_too_old_counts_as_absent(world: World) -> None:
    result = world.kept(b"a layer", made=1000.0)
    with world.results(MemoryStore(), max_age=60, now=lambda: 1060.0) as shared:
        assert shared.find(KEY) == result
    with world.results(MemoryStore(), max_age=60, now=lambda: 1061.0) as shared:
        assert shared.find(KEY) is None
    assert world.warnings == []


def test_who_may_only_read_writes_nothing(world: World) -> None:
    store = MemoryStore()
    result = ActionResult({"out": store.put(b"mine")})
    with world.results(store, writes=False) as shared:
        shared.offer(KEY, result, result.digests())
    assert world.registry.manifests == {}
    assert world.registry.blobs == {}


def test_a_result_whose_bytes_are_in_source_files_is_not_sent(world: World) -> None:
    store = MemoryStore()
    result = ActionResult({"out": Digest.of(b"somewhere else")})
    with world.results(store) as shared:
        shared.offer(KEY, result, result.digests())
    assert world.registry.manifests == {}


def test_a_damaged_blob_makes_its_entry_absent_and_leaves_nothing_in_the_store(world: World) -> None:
    result = world.kept(b"a layer")
    digest = result.outputs["out0"]
    world.registry.blobs[PLACE.repository, str(digest)] = b"another"
    store = MemoryStore()
    with world.results(store) as shared:
        assert shared.find(KEY) is None
    assert not store.has(digest)
    [warning] = world.warnings
    assert warning.startswith(f"entry {KEY.hex[:12]} of the build cache 'registry.example/ci/cache' is not used: ")


def test_an_entry_that_lacks_bytes_is_told_and_not_used(world: World) -> None:
    """A layer that the manifest does not name, and one that the registry has deleted."""
    result, store = world.kept(b"a layer", b"another"), MemoryStore()
    with world.results(store, writes=False) as shared:
        assert shared.find(KEY, lambda found: found != result) is None
    del world.registry.blobs[PLACE.repository, str(Digest.of(b"another"))]
    with world.results(MemoryStore()) as shared:
        assert shared.find(KEY) is None
    told = f"entry {KEY.hex[:12]} of the build cache '{PLACE}' is not used: "
    assert world.warnings == [
        f"{told}outputs, or their bytes, are missing in it",
        f"{told}registry has no blob {Digest.of(b'another')} in 'ci/cache'",
    ]


def test_an_entry_that_was_tagged_for_another_action_is_not_believed(world: World) -> None:
    world.kept(b"a layer")
    document = world.registry.manifest(PLACE.repository, f"action-{KEY.hex}")
    assert document
    world.registry.push_manifest(PLACE.repository, f"action-{OTHER.hex}", document.data, document.media_type)
    with world.results(MemoryStore()) as shared:
        assert shared.find(OTHER) is None
    assert world.warnings == [
        f"entry {OTHER.hex[:12]} of the build cache 'registry.example/ci/cache' is not used:"
        " it is the entry of another action"
    ]


@pytest.mark.parametrize("result", [None, [], {"outputs": 3}, {"outputs": [["out", "sha256:../x", 1]], "exit_code": 0}])
def test_an_entry_of_another_make_is_not_believed(world: World, result: object) -> None:
    config = json.dumps({"key": KEY.hex, "made": 1, "result": result}).encode()
    world.registry.blobs[PLACE.repository, str(Digest.of(config))] = config
    descriptor = {"mediaType": "x/y", "digest": str(Digest.of(config)), "size": len(config)}
    manifest = json.dumps({"schemaVersion": 2, "config": descriptor, "layers": []}).encode()
    world.registry.push_manifest(PLACE.repository, f"action-{KEY.hex}", manifest, MANIFEST)
    with world.results(MemoryStore()) as shared:
        assert shared.find(KEY) is None
    assert len(world.warnings) == 1
    assert world.warnings[0].endswith("is not used: it is not what mbuild writes")


def test_a_registry_that_does_not_answer_is_asked_once_and_left_alone(world: World) -> None:
    class Away(MemoryRegistry):
        asked = 0

        def manifest(self, repository: str, name: str) -> Any:
            self.asked += 1
            raise NoAccess("cannot reach registry 'registry.example'")

    world.registry = away = Away()
    store = MemoryStore()
    result = ActionResult({"out": store.put(b"mine")})
    with world.results(store) as shared:
        assert shared.find(KEY) is None
        assert shared.find(OTHER) is None
        shared.offer(KEY, result, result.digests())
    assert away.asked == 1
    assert world.warnings == [
        "building without the build cache 'registry.example/ci/cache': cannot reach registry 'registry.example'"
    ]


def test_who_is_not_let_write_goes_on_reading(world: World) -> None:
    kept = world.kept(b"a layer")

    class Closed(MemoryRegistry):
        def push_blob(self, *arguments: Any, **more: Any) -> bool:
            raise NoAccess("registry 'registry.example' forbids pushing")

    closed = Closed()
    vars(closed).update(vars(world.registry))
    world.registry = closed
    store = MemoryStore()
    results = [ActionResult({"out": store.put(text)}) for text in (b"one", b"two")]
    with world.results(store) as shared:
        for number, result in enumerate(results):
            shared.offer(Key.of("test", number), result, result.digests())
        assert shared.find(KEY) == kept
    assert world.warnings == [
        "nothing more is kept in the build cache 'registry.example/ci/cache':"
        " registry 'registry.example' forbids pushing"
    ]


def test_a_build_that_is_interrupted_sends_nothing_more(world: World) -> None:
    store = MemoryStore()
    result = ActionResult({"out": store.put(b"mine")})
    shared = world.results(store)
    shared.__exit__(KeyboardInterrupt)
    with pytest.raises(RuntimeError, match="shutdown"):
        shared._filling._pool.submit(print)
    shared.offer(KEY, result, result.digests())
    assert world.registry.manifests == {}
