"""A build cache on which single entries are damaged: they are passed over by themselves, and put right."""

from __future__ import annotations

from typing import Any

import pytest
from cache_notes import Notes

from buildkit.digest import Digest, Key
from buildkit.errors import EnvironmentFault
from buildkit.events import Event, Warned
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry
from buildkit.registry.cache.results import Policy, RegistryResults
from buildkit.registry.cache.setbacks import IN_A_ROW
from buildkit.registry.faults import NoAccess, Unanswered
from buildkit.registry.registry import Document, Moved, OpenBlob
from buildkit.store import ActionResult, MemoryStore

PLACE = Reference("registry.example", "ci/cache")
KEYS = [Key.of("test", f"action {number}") for number in range(20)]


class Stubborn(MemoryRegistry):
    """As most registries are: a blob that is there stays as it is. Manifests can be ones that it cannot read."""

    def __init__(self) -> None:
        super().__init__()
        self.unreadable: set[str] = set()
        self.passing: list[EnvironmentFault] = []  # what the next blobs are answered with
        self.asked = 0

    def push_blob(
        self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved, source_repository: str | None = None
    ) -> bool:
        before = self.blobs.get((repository, str(digest)))
        mounted = super().push_blob(repository, digest, open_blob, moved, source_repository)
        if before is not None:
            self.blobs[repository, str(digest)] = before
        return mounted

    def open_blob(self, *arguments: Any, **more: Any) -> Any:
        if self.passing:
            raise self.passing.pop()
        return super().open_blob(*arguments, **more)

    def has(self, repository: str, digest: Digest) -> bool:
        return super().has(repository, digest) and len(self.blobs[repository, str(digest)]) == digest.size

    def manifest(self, repository: str, name: str) -> Document | None:
        self.asked += 1
        if name in self.unreadable:
            raise EnvironmentFault(f"registry answered 500 while reading '{name}'")
        return super().manifest(repository, name)

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        self.unreadable.discard(name)
        return super().push_manifest(repository, name, manifest, media_type)


class World:
    """One registry, and builds: each asks for all keys, and makes and offers what it does not find."""

    def __init__(self) -> None:
        self.registry = Stubborn()
        self.events: list[Event] = []
        self.now = 1000.0
        self.connections = 0

    def results(self, store: MemoryStore, notes: Notes | None = None, **policy: Any) -> RegistryResults:
        policy = {"now": lambda: self.now} | policy
        known = Notes() if notes is None else notes
        return RegistryResults(self.connected, PLACE, store, Policy(**policy), self.events.append, known)

    def connected(self) -> Stubborn:
        self.connections += 1
        return self.registry

    def build(self, **policy: Any) -> int:
        """How many actions run, on a machine with nothing."""
        ran, store = 0, MemoryStore()
        self.now += 1
        with self.results(store, **policy) as shared:
            for key in KEYS:
                if not (found := shared.find(key)):
                    made = made_by(key, store)
                    shared.offer(key, made, made.digests())
                    ran += 1
                else:
                    assert [store.read(digest) for digest in found.digests()] == bytes_of(key)
        return ran

    def damage(self, key: Key, *, cut: bool = False) -> None:
        """The registry gives other bytes of an entry's blobs, or none."""
        for blob in bytes_of(key):
            self.registry.blobs[PLACE.repository, str(Digest.of(blob))] = b"" if cut else bytes(len(blob))

    def warnings(self) -> list[str]:
        """Those since this was last asked."""
        told = [event.message for event in self.events if isinstance(event, Warned)]
        self.events.clear()
        return told


def bytes_of(key: Key) -> list[bytes]:
    return [f"{what} of {key.hex}".encode() for what in ("layer", "descriptor")]


def made_by(key: Key, store: MemoryStore) -> ActionResult:
    return ActionResult({f"out{number}": store.put(data) for number, data in enumerate(bytes_of(key))})


@pytest.fixture
def world() -> World:
    found = World()
    assert (found.build(), found.build()) == (20, 0)
    return found


@pytest.mark.parametrize("cut", [True, False])
def test_any_number_of_damaged_blobs_is_passed_over_told_in_a_line_and_put_right(world: World, cut: bool) -> None:
    for key in KEYS[:15]:
        world.damage(key, cut=cut)
    damaged = sorted(KEYS[:15], key=lambda key: key.hex)
    assert world.build() == 15
    [warning] = world.warnings()
    told = f"15 entries of the build cache '{PLACE}' are not used, {damaged[0].hex[:12]} for one: registry sent other"
    assert warning.startswith(told)
    assert world.build() == 0
    assert world.warnings() == []


@pytest.mark.parametrize("fault", [NoAccess("cannot reach registry"), Unanswered("registry answered 503")])
def test_a_fault_that_passes_has_nothing_sent_again(world: World, fault: EnvironmentFault) -> None:
    blobs = set(world.registry.blobs)
    world.registry.passing = [fault]
    assert world.build() == 1
    assert all(data.startswith(b"{") for name, data in world.registry.blobs.items() if name not in blobs)
    assert len(world.warnings()) == 1
    assert world.build() == 0


def test_a_cache_that_answers_nothing_is_not_asked_again_by_the_next_build_that_makes_nothing() -> None:
    world, notes = World(), Notes()
    world.registry.unreadable |= {f"action-{key.hex}" for key in KEYS}

    def refuse(*arguments: Any, **more: Any) -> bool:
        raise Unanswered("registry answered 503")

    world.registry.push_blob = refuse  # type: ignore[method-assign]
    offered(world, notes)
    asked = world.registry.asked
    assert len(world.warnings()) == 1
    for _ in range(3):
        offered(world, notes)
    assert (asked > 0, world.registry.asked <= len(KEYS)) == (True, True)


def test_a_blob_that_was_put_right_and_is_damaged_again_is_put_right_again(world: World) -> None:
    for _ in range(3):
        for name, data in world.registry.blobs.items():
            if not data.startswith(b"{"):
                world.registry.blobs[name] = b"x" * len(data)
        assert (world.build(), world.build()) == (20, 0)
        assert len(world.warnings()) == 1


def test_who_may_only_read_goes_on_with_the_rest(world: World) -> None:
    world.damage(KEYS[3])
    blobs = dict(world.registry.blobs)
    assert (world.build(writes=False), world.build(writes=False)) == (1, 1)
    assert world.registry.blobs == blobs
    assert len(world.warnings()) == 2


def test_entries_that_the_registry_cannot_read_are_passed_over_and_written_anew(world: World) -> None:
    some = KEYS[0], KEYS[4], KEYS[5], KEYS[19]
    world.registry.unreadable |= {f"action-{key.hex}" for key in some}
    assert world.build() == 4
    least = min(key.hex for key in some)
    assert world.warnings() == [
        f"4 entries of the build cache '{PLACE}' are not used, {least[:12]} for one:"
        f" registry answered 500 while reading 'action-{least}'"
    ]
    assert world.build() == 0


def test_a_registry_that_answers_several_questions_in_a_row_with_faults_is_asked_no_more(world: World) -> None:
    world.registry.unreadable |= {f"action-{key.hex}" for key in KEYS}
    world.registry.asked = 0
    assert world.build(writes=False) == 20
    assert world.registry.asked == IN_A_ROW
    assert [warning.partition(": ")[0] for warning in world.warnings()] == [
        f"building without the build cache '{PLACE}'"
    ]


def test_one_result_that_cannot_be_sent_keeps_no_other_from_it() -> None:
    world = World()
    large = Digest.of(bytes_of(KEYS[2])[0])

    class Limited(Stubborn):
        def push_blob(self, repository: str, digest: Digest, *arguments: Any, **more: Any) -> bool:
            if digest == large:
                raise EnvironmentFault("registry answered 413")
            return super().push_blob(repository, digest, *arguments, **more)

    world.registry = Limited()
    assert (world.build(), world.build()) == (20, 1)
    assert world.warnings() == 2 * [
        f"entry {KEYS[2].hex[:12]} is not kept in the build cache '{PLACE}': registry answered 413"
    ]


def offered(world: World, notes: Notes, **policy: Any) -> None:
    """A build that makes nothing: its store is warm."""
    store = MemoryStore()
    with world.results(store, notes, **policy) as shared:
        for key in KEYS:
            if shared.lacks(key):
                result = made_by(key, store)
                shared.offer(key, result, result.digests())


def test_a_warm_store_fills_an_empty_cache_and_asks_nothing_again_for_hours() -> None:
    world, notes = World(), Notes()
    offered(world, notes)
    assert world.build() == 0
    world.connections = 0
    offered(world, notes)
    assert world.connections == 0
    # The registry's own rules delete old tags; some hours later the cache is filled again.
    world.registry.manifests.clear()
    world.now += 7 * 3600
    offered(world, notes)
    assert world.build(writes=False) == 0
    assert world.warnings() == []


def test_a_warm_store_sends_only_what_is_not_there_is_damaged_or_too_old(world: World) -> None:
    world.registry.calls.clear()
    offered(world, Notes())
    assert [call for call in world.registry.calls if call.startswith("push")] == []
    lost, broken, strange = (f"action-{key.hex}" for key in KEYS[:3])
    del world.registry.manifests[PLACE.repository, lost]
    world.registry.unreadable.add(broken)
    world.registry.manifests[PLACE.repository, strange] = world.registry.manifests[
        PLACE.repository, f"action-{KEYS[9].hex}"
    ]
    offered(world, Notes())
    written = [call.split()[1] for call in world.registry.calls if call.startswith("push_manifest")]
    assert sorted(written) == sorted([lost, broken, strange])
    world.now += 500
    assert world.build(max_age=400, writes=False) == 20
    offered(world, Notes(), max_age=400)
    assert world.build(max_age=400, writes=False) == 0
    assert world.warnings() == []


def test_a_cache_that_takes_nothing_is_not_asked_by_each_build_that_makes_nothing() -> None:
    class Closed(Stubborn):
        def push_blob(self, *arguments: Any, **more: Any) -> bool:
            raise NoAccess("registry 'registry.example' forbids pushing")

    world, notes = World(), Notes()
    world.registry = Closed()
    offered(world, notes)
    asked = world.registry.asked
    offered(world, notes)
    assert (asked > 0, world.registry.asked) == (True, asked)
    assert world.warnings() == [
        f"nothing more is kept in the build cache '{PLACE}': registry 'registry.example' forbids pushing"
    ]


def test_what_was_seen_lately_and_is_not_found_is_offered_all_the_same(world: World) -> None:
    notes, store = Notes(), MemoryStore()
    offered(world, notes)
    world.registry.manifests.clear()
    with world.results(store, notes) as shared:
        assert (shared.lacks(KEYS[0]), shared.find(KEYS[0]), shared.lacks(KEYS[0])) == (False, None, True)
