"""Weights that are sent to a real registry while they are hashed: what it has then, and what a failed build leaves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from counted_line import Line
from debian_programs import Programs
from invocations import Place
from real_registry import registry

pytestmark = pytest.mark.e2e

SIZE = 70_000_000  # above what is worth a session of its own
BUILD = """
model(name = "m", framework = "sklearn", srcs = ["m.joblib"])
model_volume(name = "volume", models = [":m"])
genrule(name = "checked", outs = ["checked.txt"], cmd = "sleep 1; exit 3", host_tools = True)
model(name = "n", framework = "sklearn", srcs = ["m.joblib", ":checked"])
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


def blob(data: Path, digest: str) -> bytes:
    """What the registry has on its disk."""
    algorithm, _, name = digest.partition(":")
    return (data / "docker/registry/v2/blobs" / algorithm / name[:2] / name / "data").read_bytes()


def sessions(data: Path) -> list[Path]:
    """What it keeps of uploads that have no name yet."""
    return list(data.rglob("_uploads/*/data"))


def test_weights_cross_the_line_once_and_the_registry_has_the_image(place: Place, host: str, data: Path) -> None:
    with_line = Line(host)
    ran = place.mbuild("push", "//p:volume", f"{with_line.address}/m:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert SIZE < with_line.up < SIZE + 100_000
    manifest = json.loads(blob(data, ran.stdout.strip().rpartition("@")[2]))
    for row in (manifest["config"], *manifest["layers"]):
        assert "sha256:" + hashlib.sha256(blob(data, row["digest"])).hexdigest() == row["digest"]
    assert sessions(data) == []


def test_a_line_that_breaks_during_the_build_costs_a_second_try_and_no_more(
    place: Place, host: str, data: Path
) -> None:
    line = Line(host)
    line.restart((SIZE // 2, line.cut))
    ran = place.mbuild("push", "//p:volume", f"{line.address}/m:v1", "--plain-http")
    assert ran.code == 0, ran.stderr
    assert SIZE * 3 // 2 <= line.up < SIZE * 2
    assert "trying again" in ran.stderr


def test_a_new_store_sends_nothing_of_weights_that_the_registry_has(place: Place, host: str, tmp_path: Path) -> None:
    line = Line(host)
    first = place.mbuild("push", "//p:volume", f"{line.address}/m:v1", "--plain-http")
    for tag in ("v1", "v2"):
        other = Place(place.root, tmp_path / f"store-{tag}")
        line.restart()
        again = other.mbuild("push", "//p:volume", f"{line.address}/m:{tag}", "--plain-http")
        assert (again.code, again.stdout) == (0, first.stdout), again.stderr
        assert line.up < 20_000


def test_a_build_that_fails_leaves_no_session_and_no_blob(place: Place, host: str, data: Path) -> None:
    ran = place.mbuild("push", "//p:failing", f"{host}/m:v1", "--plain-http")
    assert ran.code == 1
    assert sessions(data) == []
    assert not list(data.rglob("blobs/sha256/*/*/data"))


def test_a_plan_moves_nothing(place: Place, host: str) -> None:
    line = Line(host)
    ran = place.mbuild("push", "//p:volume", f"{line.address}/m:v1", "--plain-http", "--plan")
    assert ran.code == 0, ran.stderr
    assert line.up < 20_000
