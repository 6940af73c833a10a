"""Uploads that go on after a break, on registries as they are: docker-registry and crane's, and nginx before them.

Neither can tell what it has of a request that broke off. Behind a proxy that collects requests, as nginx does unless
told otherwise, no broken request reaches them, and both go on after the last chunk that they took.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from counted_line import Line, line_to
from debian_programs import Programs
from real_registry import collecting_proxy, crane_registry, registry

from buildkit.digest import Digest
from buildkit.events import Event, Warned
from buildkit.registry import Credentials
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.retry import Patience

pytestmark = pytest.mark.e2e

MIB = 1 << 20
BLOB = random.Random(1).randbytes(MIB) * 64
MORE = 1 << 20  # headers, and what is on the way when a line is cut
Serve = Callable[[Programs, Path], AbstractContextManager[str]]


@pytest.fixture(params=[registry, crane_registry], ids=["docker-registry", "crane"])
def target(request: pytest.FixtureRequest, programs: Programs, tmp_path: Path) -> Iterator[str]:
    serve: Serve = request.param
    with serve(programs, tmp_path / "registry") as host:
        yield host


@pytest.fixture
def behind(target: str, programs: Programs, tmp_path: Path) -> Iterator[Line]:
    with collecting_proxy(programs, tmp_path / "nginx", target) as proxy, line_to(proxy) as line:
        yield line


def pushed(line: Line, blob: bytes, chunk: int | None) -> list[str]:
    """Push, and read back from beginning to end; the warnings on the way."""
    events: list[Event] = []
    patience = Patience(sleep=lambda seconds: None, jitter=lambda: 1.0, stall=20.0)
    credentials = Credentials((), lambda name, host: "", events.append)
    client = OrasRegistry(line.address, credentials, events.append, plain_http=True, patience=patience, chunk=chunk)
    digest = Digest.of(blob)
    client.push_blob("ml/fraud", digest, lambda: io.BytesIO(blob), lambda done: None)
    with client.open_blob("ml/fraud", digest) as reader:
        assert reader.read() == blob
    return [event.message for event in events if isinstance(event, Warned)]


@pytest.mark.parametrize("seed", range(3))
def test_a_break_in_the_midst_of_a_large_blob_costs_one_chunk_at_most(behind: Line, seed: int) -> None:
    behind.restart((random.Random(seed).randrange(8 * MIB, len(BLOB)), behind.cut))
    warnings = pushed(behind, BLOB, 8 * MIB)
    assert (len(warnings), behind.up < len(BLOB) + 8 * MIB + MORE) == (1, True), (warnings, behind.up)


def test_many_breaks_cost_a_chunk_each(behind: Line) -> None:
    behind.restart(*((place * MIB, behind.cut) for place in (13, 29, 45, 61, 77)))
    warnings = pushed(behind, BLOB, 8 * MIB)
    assert (len(warnings), behind.up < len(BLOB) + 5 * (8 * MIB + MORE)) == (5, True), (warnings, behind.up)


def test_a_break_that_cost_all_that_was_sent_is_the_last_that_does(behind: Line) -> None:
    blob = BLOB * 3
    behind.restart((100 * MIB, behind.cut), (100 * MIB + 150 * MIB, behind.cut))
    assert len(pushed(behind, blob, None)) == 2
    assert behind.up < len(blob) + 100 * MIB + 64 * MIB + MORE


def test_without_a_proxy_a_break_within_a_chunk_costs_what_was_sent_and_no_more(target: str) -> None:
    with line_to(target) as line:
        line.restart((20 * MIB, line.cut))
        pushed(line, BLOB, 8 * MIB)
        assert len(BLOB) + 16 * MIB < line.up < len(BLOB) + 28 * MIB + MORE
