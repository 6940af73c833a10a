"""One name for two platforms: the fraud image, built for arm64 on whatever machine this is, as others read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild
from real_registry import registry

pytestmark = pytest.mark.e2e

INDEX = "//models:fraud_index"


@pytest.fixture(scope="module")
def pushed(fraud: Mbuild, programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The index's reference by tag, pushed by mbuild."""
    with registry(programs, tmp_path_factory.mktemp("index") / "registry") as host:
        fraud("push", INDEX, f"{host}/ml/fraud:v1", "--plain-http", "--jobs", "2")
        yield f"{host}/ml/fraud:v1"


@pytest.fixture(scope="module")
def index(fraud: Mbuild, pushed: str) -> bytes:
    return (fraud.folder / "mbuild-out/models/fraud_index/index.json").read_bytes()


def test_the_registry_has_the_index_as_it_was_written(pushed: str, index: bytes, programs: Programs) -> None:
    assert programs.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{pushed}").encode() == index


def test_each_platform_finds_its_image(fraud: Mbuild, pushed: str, index: bytes, programs: Programs) -> None:
    rows = {row["platform"]["architecture"]: row["digest"] for row in json.loads(index)["manifests"]}
    assert list(rows) == ["amd64", "arm64"]
    assert rows["amd64"] == fraud.digest("//models:fraud")
    name = pushed.rpartition(":")[0]
    for architecture, digest in rows.items():
        choice = f"--override-arch={architecture}"
        told = programs.run("skopeo", choice, "inspect", "--tls-verify=false", f"docker://{pushed}")
        found = json.loads(told)
        assert (found["Architecture"], found["Os"]) == (architecture, "linux")
        raw = programs.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}@{digest}")
        assert [layer["digest"] for layer in json.loads(raw)["layers"]] == found["Layers"]
    assert programs.run("crane", "validate", "--fast", "--remote", pushed).endswith(f"PASS: {pushed}\n")


def test_both_images_hold_the_same_weights(pushed: str, index: bytes, programs: Programs) -> None:
    name = pushed.rpartition(":")[0]
    layers = []
    for row in json.loads(index)["manifests"]:
        raw = programs.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}@{row['digest']}")
        layers.append({one["digest"] for one in json.loads(raw)["layers"] if one["mediaType"].endswith(".tar")})
    assert layers[0]
    assert layers[0] == layers[1]


def test_skopeo_reads_the_index_from_a_layout(fraud: Mbuild, programs: Programs, roomy: Path) -> None:
    fraud(INDEX, "--output", f"oci:{roomy / 'oci'}")
    told = programs.run("skopeo", "--override-arch=arm64", "inspect", f"oci:{roomy / 'oci'}:fraud_index")
    assert json.loads(told)["Architecture"] == "arm64"
