"""Weights that are sent while they are hashed: when they leave, what a registry has then, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chunk_registry import ChunkRegistry, chunk_registry
from counted_line import Line
from debian_programs import Programs
from invocations import Place
from real_registry import registry

pytestmark = pytest.mark.e2e

SIZE = 70_000_000  # above what is worth a session of its own
# The weights are hashed in a moment; a file that takes a second keeps the build from ending.
BUILD = """
genrule(name = "slow", outs = ["slow.txt"], cmd = "sleep 1; echo done > $@", host_tools = True)
genrule(name = "broken", outs = ["broken.txt"], cmd = "sleep 1; exit 3", host_tools = True)
model(name = "m", framework = "sklearn", srcs = ["m.joblib", ":slow"])
model(name = "n", framework = "sklearn", srcs = ["m.joblib", ":broken"])
model_volume(name = "volume", models = [":m"])
model_volume(name = "failing", models = [":n"])
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "p/BUILD": BUILD, "p/m.joblib": bytes(SIZE)})
    return place


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "registry" / "data"


@pytest.fixture
def host(programs: Programs, tmp_path: Path) -> Iterator[str]:
    with registry(programs, tmp_path / "registry") as host:
        yield host


@pytest.fixture
def little() -> Iterator[ChunkRegistry]:
    with chunk_registry(ChunkRegistry()) as little:
        yield little


def blob(data: Path, digest: str) -> bytes:
    """What the registry has on its disk."""
    algorithm, _, name = digest.partition(":")
    return (data / "docker/registry/v2/blobs" / algorithm / name[:2] / name / "data").read_bytes()


def is_before_the_last_question(lines: list[str]) -> bool:
    """Whether bytes left before a push, whose build is done then, asked what the registry has."""
    methods = [line.partition(" ")[0] for line in lines]
    return "PATCH" in methods and "HEAD" in methods[methods.index("PATCH") :]


def test_the_weights_leave_before_the_registry_is_asked_for_the_image(place: Place, little: ChunkRegistry) -> None:
    ran = place.mbuild("push", "//p:volume", f"{little.address}/m:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert is_before_the_last_question(little.lines)
    assert SIZE < little.received < SIZE + 100_000
    assert little.uploads == {}
    assert "warning" not in ran.stderr


@pytest.mark.parametrize("status", [405, 413, 416, 500])
def test_a_registry_that_refuses_bytes_without_a_digest_gets_them_with_it_and_nobody_hears_of_it(
    place: Place, little: ChunkRegistry, status: int
) -> None:
    little.refuses_patch = status
    ran = place.mbuild("push", "//p:volume", f"{little.address}/m:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert is_before_the_last_question(little.lines)
    assert little.uploads == {}
    assert "warning" not in ran.stderr
    assert max(len(data) for data in little.blobs.values()) > SIZE


def test_docker_registry_has_the_image_and_its_weights_crossed_the_line_once(
    place: Place, host: str, data: Path
) -> None:
    line = Line(host)
    ran = place.mbuild("push", "//p:volume", f"{line.address}/m:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert SIZE < line.up < SIZE + 100_000
    manifest = json.loads(blob(data, ran.stdout.strip().rpartition("@")[2]))
    for row in (manifest["config"], *manifest["layers"]):
        assert "sha256:" + hashlib.sha256(blob(data, row["digest"])).hexdigest() == row["digest"]


def test_a_line_that_breaks_during_the_build_costs_a_second_try_and_no_more(place: Place, host: str) -> None:
    line = Line(host)
    line.restart((SIZE // 2, line.cut))
    ran = place.mbuild("push", "//p:volume", f"{line.address}/m:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert SIZE * 3 // 2 <= line.up < SIZE * 2
    assert "warning" not in ran.stderr


def test_a_new_store_sends_nothing_of_weights_that_the_registry_has(place: Place, host: str, tmp_path: Path) -> None:
    line = Line(host)
    pushed = place.mbuild("push", "//p:volume", f"{line.address}/m:v1", "--plain-http")
    for tag in ("v1", "v2"):
        other = Place(place.root, tmp_path / f"store-{tag}")
        line.restart()
        again = other.mbuild("push", "//p:volume", f"{line.address}/m:{tag}", "--plain-http")
        assert (again.code, again.stdout) == (0, pushed.stdout), again.stderr
        assert line.up < 20_000


def test_weights_that_another_repository_has_are_mounted_after_all(place: Place, host: str, data: Path) -> None:
    assert place.mbuild("push", "//p:volume", f"{host}/one:v1", "--plain-http").code == 0
    (place.root / "p" / "m.joblib").touch()
    ran = place.mbuild("push", "//p:volume", f"{host}/two:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert "70.0 MB mounted" in ran.stderr


def test_a_build_that_fails_leaves_nothing_with_a_name(
    place: Place, little: ChunkRegistry, host: str, data: Path
) -> None:
    for address in (little.address, host):
        assert place.mbuild("push", "//p:failing", f"{address}/m:v1", "--plain-http").code == 1
    assert "PATCH" in " ".join(little.lines)
    assert (little.uploads, little.blobs, little.manifests) == ({}, {}, {})
    assert list(data.rglob("_uploads/*/data")) == []
    assert list(data.rglob("blobs/sha256/*/*/data")) == []


def test_a_plan_moves_nothing(place: Place, little: ChunkRegistry) -> None:
    ran = place.mbuild("push", "//p:volume", f"{little.address}/m:v1", "--plain-http", "--plan")
    assert ran.code == 0, ran.stderr
    assert {line.partition(" ")[0] for line in little.lines} == {"HEAD"}
