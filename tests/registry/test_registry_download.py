"""Blobs, manifests and tags read from a registry over real HTTP: every byte checked, breaks read over."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from chunk_registry import ChunkRegistry, chunk_registry

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.events import ignore
from buildkit.registry import Credentials, Document
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.registry import MANIFEST_LIMIT
from buildkit.registry.retry import Patience
from buildkit.store import DiskStore

MIB = 1 << 20
BLOB = random.Random(2).randbytes(6 * MIB + 5)
DIGEST = Digest.of(BLOB)
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def registry() -> Iterator[ChunkRegistry]:
    with chunk_registry(ChunkRegistry(blobs={("ml/fraud", str(DIGEST)): BLOB})) as served:
        yield served


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def oras(registry: ChunkRegistry, slept: list[float]) -> OrasRegistry:
    patience = Patience(sleep=slept.append, jitter=lambda: 1.0, stall=10.0)
    credentials = Credentials((), lambda name, host: "", ignore)
    return OrasRegistry(registry.address, credentials, ignore, plain_http=True, patience=patience)


def read(oras: OrasRegistry, digest: Digest = DIGEST, offset: int = 0, length: int | None = None) -> bytes:
    with oras.open_blob("ml/fraud", digest, offset, length) as blob:
        return b"".join(iter(lambda: blob.read(100_000), b""))


def test_a_blob_is_read_in_pieces_of_any_size(oras: OrasRegistry) -> None:
    assert read(oras) == BLOB


def test_a_part_of_a_blob_is_read_alone(oras: OrasRegistry, registry: ChunkRegistry) -> None:
    assert read(oras, offset=MIB, length=1000) == BLOB[MIB : MIB + 1000]
    assert registry.sent == 1000


def test_a_part_may_reach_beyond_the_end(oras: OrasRegistry) -> None:
    assert read(oras, offset=DIGEST.size - 3, length=1000) == BLOB[-3:]


@pytest.mark.parametrize("seed", range(4))
def test_a_break_costs_no_byte_twice(
    oras: OrasRegistry, registry: ChunkRegistry, slept: list[float], seed: int
) -> None:
    registry.cuts = sorted(random.Random(seed).sample(range(1, DIGEST.size), 2))
    assert read(oras) == BLOB
    assert (len(slept), registry.cuts) == (2, [])
    assert registry.sent <= DIGEST.size + 2 * MIB, "at most the chunk that was under way came again"


def test_breaks_without_progress_end(oras: OrasRegistry, registry: ChunkRegistry, slept: list[float]) -> None:
    registry.cuts = [1, 2, 3, 4, 5]
    with pytest.raises(EnvironmentFault, match="while reading blob"):
        read(oras)
    assert slept == [0.5, 1.0, 2.0]


def test_a_blob_that_is_only_said_to_be_empty_does_not_come_into_a_store(oras: OrasRegistry, tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put(BLOB)
    empty = Digest(DIGEST.hex, 0)
    with oras.open_blob("ml/fraud", empty) as blob, store.writer(getattr(blob, "proves", None)) as writer:
        assert blob.read(100) == b""
        with pytest.raises(BuildFailure, match="found"):
            writer.commit(empty)
    assert store.read(DIGEST) == BLOB, "and what has that digest stays"


def test_other_bytes_are_found_out_before_the_last_is_handed_out(oras: OrasRegistry, registry: ChunkRegistry) -> None:
    other = BLOB[:-1] + bytes([BLOB[-1] ^ 1])
    registry.blobs["ml/fraud", str(DIGEST)] = other
    got: list[bytes] = []
    with oras.open_blob("ml/fraud", DIGEST) as blob, pytest.raises(EnvironmentFault) as caught:
        got.extend(iter(lambda: blob.read(MIB), b""))
    assert sum(map(len, got)) < DIGEST.size
    assert caught.value.message == (
        f"registry '{registry.address}' sent other bytes than those of its digest ({Digest.of(other)}),"
        f" while reading blob {DIGEST} of 'ml/fraud'"
    )


@pytest.mark.parametrize(("change", "what"), [(b"more", "sent more bytes than the blob has"), (b"", "bytes too few")])
def test_a_lying_size_is_found_out(oras: OrasRegistry, registry: ChunkRegistry, change: bytes, what: str) -> None:
    registry.blobs["ml/fraud", str(DIGEST)] = BLOB + change if change else BLOB[:-9]
    with pytest.raises(EnvironmentFault, match=what):
        read(oras)


def test_a_blob_that_is_not_there_is_told(oras: OrasRegistry, registry: ChunkRegistry) -> None:
    absent = Digest.of(b"absent")
    with pytest.raises(EnvironmentFault) as caught:
        read(oras, absent)
    assert caught.value.message == (
        f"registry '{registry.address}' answered 404 while reading blob {absent} of 'ml/fraud'"
    )


def test_an_empty_blob_is_read_without_a_request(oras: OrasRegistry, registry: ChunkRegistry) -> None:
    assert read(oras, Digest.of(b"")) == b""
    assert registry.lines == []


def test_a_manifest_is_its_very_bytes(oras: OrasRegistry) -> None:
    data = b'{"mediaType":"application/vnd.oci.image.manifest.v1+json",\n "layers": []}'
    assert oras.push_manifest("ml/fraud", "v1", data, OCI) is False
    document = Document(data, OCI, Digest.of(data))
    assert oras.manifest("ml/fraud", "v1") == document
    assert oras.manifest("ml/fraud", str(Digest.of(data))) == document
    assert oras.manifest("ml/fraud", "v2") is None


def test_a_manifest_other_than_its_digest_is_refused(oras: OrasRegistry, registry: ChunkRegistry) -> None:
    name = str(Digest.of(b"{}"))
    registry.manifests["ml/fraud", name] = (OCI, b"[]")
    with pytest.raises(EnvironmentFault) as caught:
        oras.manifest("ml/fraud", name)
    assert caught.value.message == (
        f"registry '{registry.address}' sent a manifest of {Digest.of(b'[]')} where '{name}' was meant,"
        f" while reading manifest '{name}' of 'ml/fraud'"
    )


def test_a_manifest_without_end_is_refused(oras: OrasRegistry, registry: ChunkRegistry) -> None:
    registry.manifests["ml/fraud", "v1"] = (OCI, bytes(MANIFEST_LIMIT + 1))
    with pytest.raises(EnvironmentFault, match="sent more than 4096 KiB"):
        oras.manifest("ml/fraud", "v1")


def test_all_pages_of_tags_are_read(oras: OrasRegistry) -> None:
    for tag in ("v1", "v2", "v3", "v4", "v5"):
        oras.push_manifest("ml/fraud", tag, json.dumps({"tag": tag}).encode(), OCI)
    assert oras.tags("ml/fraud") == ["v1", "v2", "v3", "v4", "v5"]
    assert oras.tags("ml/other") == []


def test_a_registry_without_referrers_says_so(oras: OrasRegistry) -> None:
    assert oras.referrers("ml/fraud", DIGEST) is None


def test_only_a_whole_blob_is_proven(oras: OrasRegistry) -> None:
    with oras.open_blob("ml/fraud", DIGEST) as whole, oras.open_blob("ml/fraud", DIGEST, 1) as part:
        assert (whole.proves, part.proves) == (DIGEST, None)
