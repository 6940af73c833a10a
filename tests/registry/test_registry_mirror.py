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
from buildkit.registry.mirror import MirroredRegistry, MirrorLied, past_mirrors
from buildkit.registry.registry import Document, Reader

BLOB = bytes(range(256)) * 10
DIGEST = Digest.of(BLOB)
LARGE = bytes(range(256)) * (20 << 10)
LARGE_DIGEST = Digest.of(LARGE)
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
            set(),
        )
        self.registry.blobs["a/b", str(DIGEST)] = BLOB
        self.mirror.blobs["hub/a/b", str(DIGEST)] = BLOB
        self.registry.blobs["a/b", str(LARGE_DIGEST)] = LARGE
        self.mirror.blobs["hub/a/b", str(LARGE_DIGEST)] = LARGE

    def read(self, offset: int = 0, length: int | None = None, digest: Digest = DIGEST) -> bytes:
        with self.mirrored.open_blob("a/b", digest, offset, length) as reader:
            return b"".join(iter(lambda: reader.read(1 << 20), b""))


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_blobs_come_from_the_mirror_and_the_registry_is_left_alone(pair: Pair) -> None:
    assert pair.read() == BLOB
    assert (pair.registry.calls, len(pair.mirror.calls), pair.events) == ([], 1, [])


def test_a_part_which_nobody_can_check_is_the_registrys_own(pair: Pair) -> None:
    pair.mirror.fault = lambda done: b"x" * 20
    assert pair.read(10, 20) == BLOB[10:30]
    assert (len(pair.registry.calls), pair.mirror.calls, pair.events) == (1, [], [])


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


def test_a_small_blob_of_a_mirror_that_lies_is_the_registrys(pair: Pair) -> None:
    pair.mirror.fault = lambda done: b"x" * min(100, len(BLOB) - done)
    assert pair.read() == pair.read() == BLOB
    (told,) = pair.events
    assert isinstance(told, Warned)
    assert told.message.startswith(
        "mirror 'm.example' does not help, so registry 'r.example' itself is asked:"
        f" blob {DIGEST} of 'm.example/hub/a/b' is damaged: found sha256:"
    )


def fault_at(place: int, error: Exception | None, data: bytes = LARGE) -> Callable[[int], bytes]:
    """Bytes, from a place on a fault."""

    def fault(done: int) -> bytes:
        if done >= place and error:
            raise error
        return data[done : done + (1 << 20)]

    return fault


def test_where_the_mirror_breaks_in_a_large_blob_the_registry_goes_on(pair: Pair) -> None:
    pair.mirror.fault = fault_at(3 << 20, EnvironmentFault("the connection broke"))
    assert pair.read(digest=LARGE_DIGEST) == LARGE
    assert pair.events == [
        Warned("mirror 'm.example' does not help, so registry 'r.example' itself is asked: the connection broke")
    ]


@pytest.mark.parametrize("error", [None, EnvironmentFault("the connection broke")])
def test_a_large_blob_of_a_mirror_that_lies_is_begun_anew(pair: Pair, error: Exception | None) -> None:
    pair.mirror.fault = fault_at(3 << 20, error, b"x" * len(LARGE))
    with pytest.raises(MirrorLied) as caught:
        pair.read(digest=LARGE_DIGEST)
    assert caught.value.message.startswith(f"blob {LARGE_DIGEST} of 'm.example/hub/a/b' is damaged: found sha256:")
    assert past_mirrors(pair.read)(digest=LARGE_DIGEST) == LARGE
    assert len(pair.events) == 1


def test_who_cannot_make_sense_of_bytes_is_told_whether_they_are_the_blobs(pair: Pair) -> None:
    def refuse() -> None:
        with pair.mirrored.open_blob("a/b", LARGE_DIGEST) as reader:
            reader.read(1)
            raise BuildFailure("what is this?")

    with pytest.raises(BuildFailure, match="what is this"):
        refuse()
    assert pair.events == []
    pair.mirror.fault = fault_at(0, None, b"x" * len(LARGE))
    with pytest.raises(MirrorLied):
        refuse()


@pytest.mark.parametrize("document", [b"{}", b'{"layers": 5}', b'{"manifests": [{}]}', b'{"config": {"digest": "x"}}'])
def test_what_is_no_manifest_is_asked_of_the_registry(pair: Pair, document: bytes) -> None:
    pair.registry.push_manifest("a/b", "v1", EMPTY_INDEX, INDEX)
    pair.mirror.manifests["hub/a/b", "v1"] = document
    pair.mirror.media_types[str(Digest.of(document))] = INDEX
    found = pair.mirrored.manifest("a/b", "v1")
    assert found is not None
    assert found.data == EMPTY_INDEX
    assert pair.events == [
        Warned(
            "mirror 'm.example' does not help, so registry 'r.example' itself is asked:"
            " what it has as 'v1' of 'a/b' is no image manifest or index"
        )
    ]


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
