"""Entries of a build cache that mean harm: whatever they say, they are used as they are, or not at all."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from cache_notes import Notes

from buildkit.content import Entry, Kind, Tree
from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildFailure
from buildkit.events import Event, Warned
from buildkit.oci.descriptor import MANIFEST
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry
from buildkit.registry.cache.results import Policy, RegistryResults
from buildkit.store import ActionResult, MemoryStore
from buildkit.store.actions import decode, encode

PLACE = Reference("registry.example", "ci/cache")
KEY = Key.of("test", "an action")
NOW = 1000.0
ODD = [
    None,
    True,
    0,
    -1,
    1 << 70,
    1.5,
    float("inf"),
    "",
    "x",
    "\ud800",
    "\0",
    [],
    {},
    [[]],
    [["a", "b", 1]],
    {"": None},
]


def written(value: Any) -> bytes:
    """Also what is no JSON to others: Infinity, lone surrogates as escapes."""
    return json.dumps(value).encode()


def changed(value: Any, at: random.Random) -> Any:
    """A value with one part of it replaced, removed or doubled."""
    if isinstance(value, dict) and value and at.random() < 0.85:
        key = at.choice(sorted(value))
        if at.random() < 0.15:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: changed(value[key], at)}
    if isinstance(value, list) and value and at.random() < 0.85:
        place = at.randrange(len(value))
        if at.random() < 0.15:
            return value + value
        return [*value[:place], changed(value[place], at), *value[place + 1 :]]
    return at.choice(ODD)


class Entries:
    """A cache with one entry, which can be written anew, its digests made right again."""

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.events: list[Event] = []
        self.result = ActionResult({"a": self.put(b"one"), "b": self.put(b"two")}, 0, self.put(b"log"))
        self.config: Any = {"key": KEY.hex, "made": 1000, "result": json.loads(encode(self.result))}
        self.layers: Any = [self.row(digest) for digest in self.result.digests()]

    def put(self, data: bytes) -> Digest:
        self.registry.blobs[PLACE.repository, str(Digest.of(data))] = data
        return Digest.of(data)

    def row(self, digest: Digest) -> dict[str, Any]:
        return {"mediaType": "a/b", "digest": str(digest), "size": digest.size}

    def manifest(self) -> Any:
        config = self.row(self.put(written(self.config)))
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": self.layers}

    def publish(self, document: bytes) -> None:
        self.registry.manifests[PLACE.repository, f"action-{KEY.hex}"] = document
        self.registry.media_types[str(Digest.of(document))] = MANIFEST

    def found(self, store: MemoryStore | None = None) -> ActionResult | None:
        policy = Policy(max_age=60, now=lambda: NOW)
        arguments = (lambda: self.registry, PLACE, store or MemoryStore(), policy, self.events.append, Notes())
        with RegistryResults(*arguments) as shared:
            return shared.find(KEY)

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


@pytest.mark.parametrize("chapter", range(10))
def test_whatever_an_entry_says_the_build_goes_on(chapter: int) -> None:
    used = 0
    for seed in range(chapter * 100, chapter * 100 + 100):
        at, entries = random.Random(seed), Entries()
        what = at.choice(("config", "manifest", "bytes"))
        if what == "config":
            entries.config = changed(entries.config, at)
        document = entries.manifest()
        data = written(changed(document, at) if what == "manifest" else document)
        if what == "bytes":
            place = at.randrange(len(data))
            data = data[:place] + bytes([at.randrange(256)]) + data[place + 1 :]
        entries.publish(data)
        try:
            result = entries.found()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        assert result is None or all(0 <= digest.size < 1 << 63 for digest in result.digests()), seed
        used += result is not None
    assert used < 60


@pytest.mark.parametrize("ending", [b"x", b"{}", b"\0"])
def test_an_entry_with_something_after_its_end_is_not_used(ending: bytes) -> None:
    entries = Entries()
    entries.publish(written(entries.manifest()) + ending)
    assert entries.found() is None
    entries.publish(written(entries.manifest()))
    assert entries.found() == entries.result


def test_an_entry_of_thousands_of_blobs_is_not_used() -> None:
    entries = Entries()
    entries.layers *= 400
    entries.publish(written(entries.manifest()))
    store = MemoryStore()
    assert entries.found(store) is None
    assert not any(map(store.has, entries.result.digests()))
    assert "it names 1200 blobs, expected 1000 at most" in entries.warnings[0]


@pytest.mark.parametrize("named", ["", "sha256:../x", "md5:1", str(Digest.of(b"two")), "sha256:" + "0" * 64])
@pytest.mark.parametrize("stored", [b"", b"short", b"12345678", b"12345678one"])
def test_an_entry_that_lies_about_what_is_behind_a_mark_is_not_used(named: str, stored: bytes) -> None:
    entries = Entries()
    entries.layers[0] = entries.row(entries.put(stored)) | {"annotations": {"vnd.mbuild.action.blob": named}}
    entries.publish(written(entries.manifest()))
    store = MemoryStore()
    assert entries.found(store) is None
    assert len(entries.warnings) == 1
    assert not store.has(Digest.of(b"one"))


def test_an_entry_from_the_future_is_not_used_for_ever() -> None:
    entries = Entries()
    entries.config["made"] = 10**12
    entries.publish(written(entries.manifest()))
    assert entries.found() is None
    assert "it says that it is from the future" in entries.warnings[0]


@pytest.mark.parametrize("size", [-1, 1 << 63, "7", 1e999, True, None, [1]])
def test_a_result_with_a_size_that_cannot_be_is_none(size: object) -> None:
    row = ["a", str(Digest.of(b"")), size]
    assert decode(written({"outputs": [row], "exit_code": 0, "log": None})) is None
    assert decode(written({"outputs": [], "exit_code": 0, "log": row[1:]})) is None


def test_whatever_a_tree_document_says_it_is_read_or_refused() -> None:
    entries = [
        Entry("a", Kind.DIRECTORY, 0o755),
        Entry("a/b", Kind.FILE, 0o644, Digest.of(b"x")),
        Entry("c", Kind.SYMLINK, 0o777, None, "a/b"),
    ]
    document = json.loads(Tree.of(entries).to_json())
    refused = 0
    for seed in range(1500):
        try:
            read = Tree.from_json(written(changed(document, random.Random(seed))))
            assert Tree.from_json(read.to_json()) == read
        except BuildFailure:
            refused += 1
        except (Exception, BuildError) as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    assert 0 < refused < 1500
