"""A real registry as a build cache: what one machine made, another neither makes nor fetches; pushes mount it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cached_machines import machine, settings, with_package
from debian_programs import Programs
from real_registry import registry

pytestmark = pytest.mark.e2e

NOWHERE = '[debian]\nmirror = "http://127.0.0.1:9"\n'


@pytest.fixture
def host(programs: Programs, tmp_path: Path) -> Iterator[str]:
    with registry(programs, tmp_path / "registry") as host:
        yield host


def test_a_second_machine_builds_from_the_registry_alone_and_its_push_moves_no_layer_twice(
    host: str, programs: Programs, kept_store: Path, tmp_path: Path
) -> None:
    first = with_package(machine(tmp_path / "first", settings(host)), kept_store)
    digest = first.digest("//:image")
    # No package and no way to one: there is nothing but the registry.
    second = machine(tmp_path / "second", settings(host) + NOWHERE)
    assert second.digest("//:image") == digest
    assert list((second.store / "blobs").rglob((second.folder / "umoci.lock").read_text().split()[-1])) == []
    done = second("push", "//:image", f"{host}/ml/image:v1")
    assert "mounted" in done.err, done.err


def test_who_may_only_read_adds_nothing_and_who_may_write_adds_what_a_warm_store_has(
    host: str, kept_store: Path, tmp_path: Path
) -> None:
    reader = with_package(machine(tmp_path / "reader", settings(host, 'registry_access = "read"\n')), kept_store)
    digest = reader.digest("//:image")
    assert reader.run("tags", f"{host}/ci/cache").out == ""
    assert reader("//:image", "--registry-cache=read-write").ran == 0
    second = machine(tmp_path / "second", settings(host) + NOWHERE)
    assert second.digest("//:image") == digest


@pytest.mark.parametrize(("share", "why"), [(1, "sent other bytes"), (2, "answered 416")])
def test_a_damaged_entry_is_made_again_and_put_right(
    host: str, kept_store: Path, tmp_path: Path, share: int, why: str
) -> None:
    first = with_package(machine(tmp_path / "first", settings(host)), kept_store)
    digest = first.digest("//:image")
    largest = max((tmp_path / "registry/data").rglob("blobs/sha256/*/*/data"), key=lambda path: path.stat().st_size)
    largest.write_bytes(bytes(largest.stat().st_size // share))
    second = with_package(machine(tmp_path / "second", settings(host)), kept_store)
    done = second("//:image")
    assert done.out == f"//:image {digest}\n"
    assert f"of the build cache '{host}/ci/cache' is not used: registry '{host}' {why}" in done.err
    third = machine(tmp_path / "third", settings(host) + NOWHERE)
    done = third("//:image")
    assert (done.out, "warning" in done.err) == (f"//:image {digest}\n", False)


def test_an_entry_that_the_registry_cannot_read_is_written_anew(host: str, kept_store: Path, tmp_path: Path) -> None:
    first = with_package(machine(tmp_path / "first", settings(host)), kept_store)
    digest = first.digest("//:image")
    for path in (tmp_path / "registry/data").rglob("blobs/sha256/*/*/data"):
        if b'"artifactType":"application/vnd.mbuild.action.v1"' in path.read_bytes()[:1000]:
            path.write_bytes(b"{")
    second = with_package(machine(tmp_path / "second", settings(host)), kept_store)
    done = second("//:image")
    assert (done.out, done.err.count("warning: "), "answered 500" in done.err) == (f"//:image {digest}\n", 1, True)
    third = machine(tmp_path / "third", settings(host) + NOWHERE)
    done = third("//:image")
    assert (done.out, "warning" in done.err) == (f"//:image {digest}\n", False)


def test_a_registry_that_is_away_makes_a_build_slower_and_nothing_else(kept_store: Path, tmp_path: Path) -> None:
    alone = with_package(machine(tmp_path / "alone", settings("127.0.0.1:9")), kept_store)
    done = alone("//:image")
    assert done.ran == 7  # the package was fetched before
    assert "warning: building without the build cache '127.0.0.1:9/ci/cache': cannot reach registry" in done.err
