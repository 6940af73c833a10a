"""A mirror before a registry: asked first for what is pulled, trusted with nothing, and passed over when it fails."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.events import Event, Warned
from buildkit.oci.descriptor import INDEX
from buildkit.reference import Reference
from buildkit.registry.memory import MemoryRegistry
from buildkit.registry.mirror import MirroredRegistry
from buildkit.registry.registry import Document, Reader

BLOB = bytes(range(256)) * 10
DIGEST = Digest.of(BLOB)
EMPTY_INDEX = b'{"manifests":[]}'


class Mirror(MemoryRegistry):
    """A mirror that fails as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Callable[[int], bytes] | None = None
        self.down = False

    def manifest(self, repository: str, name: str) -> Document | None:
        self.calls.append(f"manifest {name}")
        if self.down:
            raise EnvironmentFault("cannot reach it")
        return super().manifest(repository, name)

    def open_blob(
        self, repository: str, digest: Digest, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Reader]:  # type: ignore[override]
        if self.fault is None:
            return super().open_blob(repository, digest, offset, length)
        return nullcontext(_Breaking(self.fault))


class _Breaking:
    def __init__(self, fault: Callable[[int], bytes]) -> None:
        self._fault = fault
        self._read = 0

    def read(self, size: int, /) -> bytes:
        data = self._fault(self._read)
        self._read += len(data)
        return data


class Pair:
    """A registry, its mirror, and what was warned of."""

    def __init__(self) -> None:
        self.registry, self.mirror = MemoryRegistry(), Mirror()
        self.events: list[Event] = []
        self.mirrored = MirroredRegistry(
            "r.example",
            self.registry,
            self.mirror,
            lambda repository: Reference("m.example", f"hub/{repository}"),
            self.events.append,
        )
        self.registry.blobs["a/b", str(DIGEST)] = BLOB
        self.mirror.blobs["hub/a/b", str(DIGEST)] = BLOB

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        with self.mirrored.open_blob("a/b", DIGEST, offset, length) as reader:
            return b"".join(iter(lambda: reader.read(100), b""))


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_blobs_come_from_the_mirror_and_the_registry_is_left_alone(pair: Pair) -> None:
    assert pair.read() == BLOB
    assert pair.read(10, 20) == BLOB[10:30]
    assert (pair.registry.calls, len(pair.mirror.calls), pair.events) == ([], 2, [])


def broken(after: int) -> Callable[[int], bytes]:
    def fault(done: int) -> bytes:
        if done >= after:
            raise EnvironmentFault("the connection broke")
        return BLOB[done : min(done + 100, after)]

    return fault


@pytest.mark.parametrize("after", [0, 100, 1000, len(BLOB) - 1])
def test_where_the_mirror_breaks_the_registry_goes_on(pair: Pair, after: int) -> None:
    pair.mirror.fault = broken(after)
    assert pair.read() == BLOB
    assert pair.events == [
        Warned("mirror 'm.example' does not help, so registry 'r.example' itself is asked: the connection broke")
    ]


def test_a_part_goes_on_too(pair: Pair) -> None:
    def fault(done: int) -> bytes:
        if done:
            raise EnvironmentFault("the connection broke")
        return BLOB[50:60]

    pair.mirror.fault = fault
    assert pair.read(50, 100) == BLOB[50:150]


def test_a_mirror_that_lies_is_found_out(pair: Pair) -> None:
    pair.mirror.fault = lambda done: b"x" * min(100, len(BLOB) - done)
    with pytest.raises(BuildFailure) as caught:
        pair.read()
    assert caught.value.message.startswith(f"blob {DIGEST} of 'm.example/hub/a/b' is damaged: found sha256:")


def test_a_mirror_that_lies_and_breaks_is_found_out_too(pair: Pair) -> None:
    def fault(done: int) -> bytes:
        if done:
            raise EnvironmentFault("the connection broke")
        return b"x" * 10

    pair.mirror.fault = fault
    with pytest.raises(BuildFailure, match="is damaged"):
        pair.read()


def test_manifests_come_from_the_mirror_else_from_the_registry(pair: Pair) -> None:
    pair.registry.push_manifest("a/b", "v1", EMPTY_INDEX, INDEX)
    found = pair.mirrored.manifest("a/b", "v1")
    assert found is not None
    pair.mirror.push_manifest("hub/a/b", "v2", EMPTY_INDEX, INDEX)
    assert pair.mirrored.manifest("a/b", "v2") == found
    assert pair.mirrored.manifest("a/b", "v3") is None
    assert pair.events == []


def test_a_mirror_that_lacks_an_image_is_not_asked_for_its_layers(pair: Pair) -> None:
    pair.registry.push_manifest("a/b", "v1", EMPTY_INDEX, INDEX)
    pair.mirrored.manifest("a/b", "v1")
    pair.mirror.calls.clear()
    assert pair.read() == BLOB
    assert (pair.mirror.calls, pair.events) == ([], [])


def test_a_mirror_that_is_down_is_asked_once(pair: Pair) -> None:
    pair.mirror.down = True
    pair.registry.push_manifest("a/b", "v1", EMPTY_INDEX, INDEX)
    assert pair.mirrored.manifest("a/b", "v1") == pair.mirrored.manifest("a/b", "v1")
    assert pair.read() == BLOB
    assert pair.mirror.calls == ["manifest v1"]
    assert len(pair.events) == 1


def test_all_else_is_the_registrys(pair: Pair) -> None:
    data = b"new"
    assert not pair.mirrored.push_blob("a/b", Digest.of(data), lambda: io.BytesIO(data), lambda moved: None)
    assert pair.mirrored.has("a/b", Digest.of(data))
    assert pair.mirrored.mount("c", Digest.of(data), "a/b")
    assert not pair.mirrored.push_manifest("a/b", "v1", EMPTY_INDEX, INDEX)
    assert pair.mirrored.tags("a/b") == ["v1"]
    assert pair.mirrored.referrers("a/b", DIGEST) is None
    assert pair.mirrored.delete_manifest("a/b", "v1")
    pair.mirrored.access("a/b", push=True)
    assert pair.mirror.calls == []
