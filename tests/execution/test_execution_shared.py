"""Results that machines share: found before work is done, kept after it, and only those that are every machine's."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from execution_fakes import World, derived, fetch, minimal_layer, run, use

from buildkit.content import Entry, Kind, Tree
from buildkit.digest import Digest, Key
from buildkit.errors import BuildFailure
from buildkit.graph.action import Action, Artifact
from buildkit.store import ActionResult, BlobStore, MemoryActionCache, MemoryStore


@dataclass
class FakeShared:
    """Results in a dictionary; bytes come from one store and go to it."""

    store: MemoryStore = field(default_factory=MemoryStore)
    entries: dict[Key, tuple[ActionResult, tuple[Digest, ...]]] = field(default_factory=dict)
    asked: list[Key] = field(default_factory=list)
    machine: BlobStore = field(default_factory=MemoryStore)

    def find(self, key: Key, usable: Callable[[ActionResult], bool], /) -> ActionResult | None:
        self.asked.append(key)
        result, blobs = self.entries.get(key, (None, ()))
        for blob in blobs:
            self.machine.put(self.store.read(blob))
        try:
            return result if result and usable(result) else None
        except BuildFailure:
            return None

    def lacks(self, key: Key) -> bool:
        return key not in self.entries

    def offer(self, key: Key, result: ActionResult, blobs: Sequence[Digest]) -> None:
        for blob in blobs:
            self.store.put(self.machine.read(blob))
        self.entries[key] = (result, tuple(blobs))


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.shared = FakeShared(machine=found.store)
    return found


def elsewhere(world: World) -> World:
    """Another machine, with nothing of its own."""
    assert isinstance(world.shared, FakeShared)
    store = MemoryStore()
    shared = replace(world.shared, machine=store, asked=[])
    return replace(world, store=store, actions=MemoryActionCache(), shared=shared, fetched=[], events=[])


def test_a_costly_tool_is_not_called_where_another_machine_has_its_result(world: World) -> None:
    tool = world.tool("zip", lambda store, arguments: b"zipped", costly=True)
    actions = [use("zip", derived("a.zip"))]
    digests = world.build(actions, derived("a.zip")).digests
    other = elsewhere(world)
    assert other.build(actions, derived("a.zip")).digests == digests
    assert len(tool.calls) == 1
    assert other.store.read(digests[derived("a.zip")]) == b"zipped"
    assert other.outcomes() == {"a.zip": "cached"}


def test_what_a_shared_result_was_made_of_is_not_even_fetched(world: World) -> None:
    content = b"a wheel"
    world.remote[hashlib.sha256(content).hexdigest()] = content
    world.tool("zip", lambda store, arguments: b"zipped", costly=True)
    wheel = derived("a.whl")
    actions = [fetch(wheel, content), use("zip", derived("a.zip"), wheel=wheel)]
    world.build(actions, derived("a.zip"))
    other = elsewhere(world)
    other.build(actions, derived("a.zip"))
    assert (len(world.fetched), other.fetched) == (1, [])


def test_what_this_machine_has_is_offered_where_others_lack_it_and_only_there(world: World) -> None:
    world.tool("zip", lambda store, arguments: b"zipped", costly=True)
    actions = [use("zip", derived("a.zip"))]
    world.build(actions, derived("a.zip"))
    assert isinstance(world.shared, FakeShared)
    [key] = world.shared.entries
    kept = world.shared.entries.pop(key)
    world.build(actions, derived("a.zip"))
    assert world.shared.entries == {key: kept}
    world.shared.entries[key] = other = (kept[0], ())
    world.build(actions, derived("a.zip"))
    assert world.shared.entries == {key: other}
    assert world.outcomes() == {"a.zip": "cached"}


def test_a_cheap_tool_is_called_without_asking_anybody(world: World) -> None:
    tool = world.tool("write", lambda store, arguments: b"text")
    world.build([use("write", derived("a.txt"))], derived("a.txt"))
    assert isinstance(world.shared, FakeShared)
    assert (len(tool.calls), world.shared.asked, world.shared.entries) == (1, [], {})


def writing(build: Path, out: Path) -> int:
    (out / "out").write_text("made")
    return 0


def test_what_ran_with_this_machines_programs_stays_here(world: World) -> None:
    world.program("make", writing)
    world.build([run(derived("a.txt"), "make")], derived("a.txt"))
    assert isinstance(world.shared, FakeShared)
    assert (world.shared.asked, world.shared.entries) == ([], {})


def in_a_root(world: World) -> tuple[list[Action], Artifact]:
    layer = world.write("layer.tar", "")
    (world.folder / "layer.tar").write_bytes(minimal_layer("sh"))
    world.program("make", writing)
    return [replace(run(derived("a.txt"), "make", inputs=[layer]), root=(layer,))], derived("a.txt")


def test_what_ran_in_a_root_is_shared(world: World) -> None:
    actions, made = in_a_root(world)
    world.build(actions, made)
    other = elsewhere(world)
    other.build(actions, made)
    assert len(world.sandbox.ran) == 1
    assert other.outcomes() == {"a.txt": "cached"}


def test_without_a_sandbox_nothing_is_shared(world: World) -> None:
    actions, made = in_a_root(world)
    world.sandbox.kind = "none"
    world.build(actions, made)
    assert isinstance(world.shared, FakeShared)
    assert (world.shared.asked, world.shared.entries) == ([], {})


def test_a_folder_is_shared_with_all_that_it_holds(world: World) -> None:
    def folder(store: BlobStore, arguments: object) -> bytes:
        inside = store.put(b"a layer")
        return Tree.of([Entry("0.layer", Kind.FILE, digest=inside)]).to_json()

    world.tool("split", folder, costly=True)
    actions = [use("split", derived("layers", tree=True))]
    world.build(actions, derived("layers", tree=True))
    other = elsewhere(world)
    other.build(actions, derived("layers", tree=True))
    assert other.store.read(Digest.of(b"a layer")) == b"a layer"


def test_a_shared_result_that_is_not_what_it_should_be_is_made_here(world: World) -> None:
    tool = world.tool("split", lambda store, arguments: Tree(()).to_json(), costly=True)
    actions = [use("split", derived("layers", tree=True))]
    world.build(actions, derived("layers", tree=True))
    other = elsewhere(world)
    assert isinstance(other.shared, FakeShared)
    [key] = other.shared.entries
    lie = other.shared.store.put(b"no folder at all")
    other.shared.entries[key] = (ActionResult({"out": lie}), (lie,))
    other.build(actions, derived("layers", tree=True))
    assert len(tool.calls) == 2
    assert other.outcomes() == {"layers": "ran"}
