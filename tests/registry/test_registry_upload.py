"""Uploads of large blobs over real HTTP: chunks, limits, breaks, and how much is sent a second time."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pytest
from chunk_registry import ChunkRegistry, chunk_registry

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import Event, Warned
from buildkit.registry import Credentials
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.registry import Sent
from buildkit.registry.retry import Patience

MIB = 1 << 20
BLOB = random.Random(1).randbytes(20 * MIB + 123)
DIGEST = Digest.of(BLOB)
REPOSITORY = "ml/fraud"
UPLOADS = "/v2/ml/fraud/blobs/uploads/"


@pytest.fixture
def registry() -> Iterator[ChunkRegistry]:
    with chunk_registry(ChunkRegistry()) as served:
        yield served


class Client:
    def __init__(self, registry: ChunkRegistry, chunk: int | None = None, stall: float = 10.0) -> None:
        self.events: list[Event] = []
        self.slept: list[float] = []
        self.moved: list[int] = []
        self.opened = 0
        patience = Patience(sleep=self.slept.append, jitter=lambda: 1.0, stall=stall)
        credentials = Credentials((), lambda name, host: "", self.events.append)
        self.oras = OrasRegistry(
            registry.address, credentials, self.events.append, plain_http=True, patience=patience, chunk=chunk
        )

    def push(self, source: str | None = None, blob: bytes = BLOB) -> bool:
        def opened() -> io.BytesIO:
            self.opened += 1
            return io.BytesIO(blob)

        return self.oras.push_blob(REPOSITORY, Digest.of(blob), opened, self.moved.append, source)

    def send(self, blob: bytes = BLOB) -> Sent | None:
        return self.oras.send_blob(REPOSITORY, len(blob), lambda: io.BytesIO(blob), self.moved.append)

    def warnings(self) -> int:
        return sum(isinstance(event, Warned) for event in self.events)


def methods(registry: ChunkRegistry) -> list[str]:
    return [line.partition(" ")[0] for line in registry.lines]


def stored(registry: ChunkRegistry) -> bool:
    return registry.blobs.get((REPOSITORY, str(DIGEST))) == BLOB and not registry.uploads


def test_one_put_is_the_way(registry: ChunkRegistry) -> None:
    client = Client(registry)
    assert client.push() is False
    assert (methods(registry), stored(registry), registry.received) == (["POST", "PUT"], True, DIGEST.size)
    assert (client.opened, client.moved[0], client.moved[-1]) == (1, 0, DIGEST.size)


@pytest.mark.parametrize("seed", range(8))
def test_after_a_break_at_any_byte_an_upload_goes_on_where_the_registry_stands(
    registry: ChunkRegistry, seed: int
) -> None:
    cut = random.Random(seed).randrange(1, DIGEST.size)
    registry.cuts = [cut]
    client = Client(registry)
    client.push()
    assert stored(registry)
    assert registry.received == DIGEST.size, "no byte that had arrived came a second time"
    assert methods(registry) == ["POST", "PUT", "GET", "PATCH", "PUT"]
    assert registry.lines[3].endswith(f" {cut}-{DIGEST.size - 1}")
    assert client.moved == sorted(client.moved[: client.moved.index(cut)]) + client.moved[client.moved.index(cut) :]
    assert client.opened == 2


def test_many_breaks_do_not_matter_as_long_as_it_gets_on(registry: ChunkRegistry) -> None:
    registry.cuts = [2 * MIB * number for number in range(1, 10)]
    client = Client(registry)
    client.push()
    assert (stored(registry), registry.received, client.warnings()) == (True, DIGEST.size, 9)
    assert set(client.slept) == {0.5}


def test_breaks_without_progress_end(registry: ChunkRegistry) -> None:
    registry.cuts = [5 * MIB + number for number in range(10)]
    client = Client(registry)
    with pytest.raises(EnvironmentFault, match=r"cannot reach registry '.*' while pushing blob sha256:.*: "):
        client.push()
    assert client.slept == [0.5, 0.5, 1.0, 2.0]
    assert (registry.uploads, methods(registry)[-1]) == ({}, "DELETE")


def test_where_the_registry_kept_nothing_the_upload_begins_again(registry: ChunkRegistry) -> None:
    registry.cuts, registry.keeps = [12 * MIB], False
    client = Client(registry)
    client.push()
    assert stored(registry)
    assert methods(registry) == ["POST", "PUT", "GET", "DELETE", "POST", "PUT"]
    assert registry.received == 12 * MIB + DIGEST.size


def test_a_registry_that_forgets_an_upload_gets_it_anew(registry: ChunkRegistry) -> None:
    registry.forgets = 2
    client = Client(registry)
    client.push()
    assert (stored(registry), client.slept) == (True, [0.5, 1.0])


def test_chunks_are_for_registries_that_ask_for_them(registry: ChunkRegistry) -> None:
    registry.least = 5 * MIB
    client = Client(registry, chunk=3 * MIB)
    client.push()
    assert stored(registry)
    assert [line.rpartition(" ")[2] for line in registry.lines if line.startswith("PATCH")] == [
        f"0-{5 * MIB - 1}",
        f"{5 * MIB}-{10 * MIB - 1}",
        f"{10 * MIB}-{15 * MIB - 1}",
        f"{15 * MIB}-{20 * MIB - 1}",
        f"{20 * MIB}-{DIGEST.size - 1}",
    ]
    assert client.opened == 1, "chunks come from one reading of the blob"


@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_chunk_may_be_taken_with_any_of_three_answers(registry: ChunkRegistry, status: int) -> None:
    registry.status = status
    Client(registry, chunk=8 * MIB).push()
    assert (stored(registry), methods(registry)) == (True, ["POST", "PATCH", "PATCH", "PATCH", "PUT"])


def test_a_break_within_a_chunk_costs_no_byte_twice(registry: ChunkRegistry) -> None:
    registry.cuts = [9 * MIB + 77]
    Client(registry, chunk=8 * MIB).push()
    assert (stored(registry), registry.received) == (True, DIGEST.size)
    assert methods(registry) == ["POST", "PATCH", "PATCH", "GET", "PATCH", "PATCH", "PUT"]


def test_where_a_registry_does_not_tell_its_last_word_counts(registry: ChunkRegistry) -> None:
    registry.cuts, registry.keeps, registry.tells = [9 * MIB + 77], False, False
    Client(registry, chunk=8 * MIB).push()
    assert (stored(registry), registry.received) == (True, DIGEST.size + MIB + 77)
    assert methods(registry) == ["POST", "PATCH", "PATCH", "GET", "PATCH", "PATCH", "PUT"]


def test_where_its_last_word_holds_no_longer_the_blob_goes_anew(registry: ChunkRegistry) -> None:
    registry.cuts, registry.tells = [9 * MIB + 77], False
    client = Client(registry, chunk=8 * MIB)
    client.push()
    assert (stored(registry), client.warnings()) == (True, 2)
    assert methods(registry)[:8] == ["POST", "PATCH", "PATCH", "GET", "PATCH", "GET", "DELETE", "POST"]


def test_a_limit_on_the_way_is_found_and_remembered(registry: ChunkRegistry) -> None:
    registry.limit = 6 * MIB
    client = Client(registry)
    client.push()
    assert stored(registry)
    sizes = [line.rpartition(" ")[2] for line in registry.lines if line.startswith("PATCH")]
    assert sizes[0] == f"0-{DIGEST.size // 4 - 1}"
    registry.lines.clear()
    client.push(blob=BLOB[:-1])
    assert methods(registry).count("PUT") == 1, "the next blob is sent in chunks at once"


def test_a_limit_that_no_chunk_fits_is_told(registry: ChunkRegistry) -> None:
    registry.limit = 1000
    with pytest.raises(EnvironmentFault) as caught:
        Client(registry).push()
    assert caught.value.hint == "a proxy before the registry limits the size of uploads"
    assert registry.uploads == {}


@pytest.mark.parametrize("status", [400, 405, 415, 501])
def test_a_registry_that_takes_no_chunks_gets_the_blob_whole(registry: ChunkRegistry, status: int) -> None:
    registry.refuses_patch = status
    client = Client(registry, chunk=8 * MIB)
    client.push()
    assert (stored(registry), client.slept) == (True, [0.0])
    registry.lines.clear()
    client.push(blob=BLOB[:-1])
    assert methods(registry) == ["POST", "PUT"]


def test_a_blob_of_another_repository_is_mounted(registry: ChunkRegistry) -> None:
    registry.blobs["ml/base", str(DIGEST)] = BLOB
    client = Client(registry)
    assert client.push("ml/base") is True
    assert (stored(registry), registry.lines, client.opened) == (True, ["POST /v2/ml/fraud/blobs/uploads/"], 0)


def test_where_a_registry_does_not_mount_the_upload_that_it_offers_is_used(registry: ChunkRegistry) -> None:
    registry.blobs["ml/base", str(DIGEST)] = BLOB
    registry.mounts = False
    assert Client(registry).push("ml/base") is False
    assert (stored(registry), methods(registry)) == (True, ["POST", "PUT"])


def test_a_mount_alone_leaves_no_upload_behind(registry: ChunkRegistry) -> None:
    client = Client(registry)
    assert client.oras.mount(REPOSITORY, DIGEST, "ml/base") is False
    assert registry.uploads == {}
    registry.blobs["ml/base", str(DIGEST)] = BLOB
    assert client.oras.mount(REPOSITORY, DIGEST, "ml/base") is True


def test_a_source_that_fails_at_once_leaves_no_request_half_sent(registry: ChunkRegistry) -> None:
    client = Client(registry)

    def opened() -> io.BytesIO:
        raise OSError(5, "Input/output error")

    with pytest.raises(EnvironmentFault) as caught:
        client.oras.push_blob(REPOSITORY, DIGEST, opened, client.moved.append, None)
    assert caught.value.message == f"cannot read blob {DIGEST} while pushing it: Input/output error"
    assert (methods(registry), registry.uploads) == (["POST", "DELETE"], {})


def test_bytes_whose_digest_is_not_known_are_sent_in_one_chunk_and_named_afterwards(registry: ChunkRegistry) -> None:
    client = Client(registry)
    sent = client.send()
    assert (registry.lines, registry.blobs) == ([f"POST {UPLOADS}", f"PATCH {UPLOADS}1"], {}), "no part, but all of it"
    assert sent
    assert client.oras.name_blob(sent, DIGEST)
    assert (methods(registry), stored(registry), registry.received) == (["POST", "PATCH", "PUT"], True, DIGEST.size)
    assert client.moved[-1] == DIGEST.size


def test_bytes_without_a_name_go_on_after_a_break_like_others(registry: ChunkRegistry) -> None:
    registry.cuts = [7 * MIB]
    client = Client(registry)
    sent = client.send()
    assert sent
    assert client.oras.name_blob(sent, DIGEST)
    assert (stored(registry), registry.received) == (True, DIGEST.size)
    assert methods(registry) == ["POST", "PATCH", "GET", "PATCH", "PUT"]


def test_bytes_are_named_over_another_connection_than_the_one_that_brought_them(registry: ChunkRegistry) -> None:
    sent = Client(registry).send()
    other = Client(registry)
    assert sent
    registry.loses = 1
    assert other.oras.name_blob(sent, DIGEST)
    assert (methods(registry), other.warnings()) == (["POST", "PATCH", "PUT", "GET", "DELETE", "HEAD"], 1)


def test_bytes_whose_names_answer_was_lost_are_not_sent_again(registry: ChunkRegistry) -> None:
    registry.loses = 1
    client = Client(registry)
    assert client.push() is False
    assert (methods(registry), stored(registry)) == (["POST", "PUT", "GET", "DELETE", "HEAD"], True)
    assert (registry.received, client.warnings()) == (DIGEST.size, 1)


def test_a_registry_has_more_time_to_end_a_large_upload_than_a_small_one(registry: ChunkRegistry) -> None:
    registry.ponders = 0.6
    client = Client(registry, stall=0.3)
    client.push()
    assert (stored(registry), client.warnings()) == (True, 0)
    with pytest.raises(EnvironmentFault, match="no answer in time"):
        client.push(blob=bytes(1000))


def test_a_name_that_is_not_that_of_the_bytes_is_an_error_and_leaves_nothing(registry: ChunkRegistry) -> None:
    client = Client(registry)
    sent = client.send(b"\0" * DIGEST.size)
    assert sent
    with pytest.raises(EnvironmentFault, match="DIGEST_INVALID"):
        client.oras.name_blob(sent, DIGEST)
    assert (registry.blobs, registry.uploads) == ({}, {})


def test_bytes_that_are_not_wanted_any_more_are_dropped(registry: ChunkRegistry) -> None:
    client = Client(registry)
    sent = client.send()
    assert sent
    sent.cancel()
    assert (methods(registry), registry.uploads) == (["POST", "PATCH", "DELETE"], {})


def test_a_session_that_is_forgotten_before_its_bytes_are_named_is_told(registry: ChunkRegistry) -> None:
    client = Client(registry)
    sent = client.send()
    registry.uploads.clear()
    assert sent
    assert client.oras.name_blob(sent, DIGEST) is False
    assert registry.blobs == {}


def test_a_registry_that_takes_no_chunks_takes_no_bytes_without_a_name(registry: ChunkRegistry) -> None:
    registry.refuses_patch = 405
    client = Client(registry)
    assert client.send() is None
    assert registry.uploads == {}
    registry.lines.clear()
    assert client.push() is False
    assert methods(registry) == ["POST", "PUT"]
