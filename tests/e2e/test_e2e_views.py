"""A model's data-only image and its ModelPack artifact, in a real registry and in podman's store."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild
from podman_containers import Podman
from real_registry import registry

pytestmark = pytest.mark.e2e

WEIGHTS = b"weights " * 100_000
MODEL = """
model(
    name = "m",
    srcs = ["w.safetensors", "config.json"],
    card = "m.md",
    framework = "custom",
    implementation = "a.B",
    precision = "float32",
)
model_volume(name = "volume", models = [":m"])
model_artifact(name = "pack", models = [":m"])
image_push(name = "ship", image = ":pack", reference = "HOST/ml/m", remote_tags = ["pack", "latest"])
"""


@pytest.fixture(scope="module")
def host(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(programs, tmp_path_factory.mktemp("views") / "registry") as host:
        yield host


@pytest.fixture
def model(tmp_path: Path, host: str) -> Mbuild:
    folder = tmp_path / "model"
    folder.mkdir()
    files = {"mbuild.toml": b"", "BUILD": MODEL.replace("HOST", host).encode(), "m.md": b"# m\n", "config.json": b"{}"}
    for name, data in (files | {"w.safetensors": WEIGHTS}).items():
        (folder / name).write_bytes(data)
    return Mbuild(folder, tmp_path / "store")


def test_a_registry_gets_the_weights_once_and_all_tags_of_the_artifact(
    model: Mbuild, host: str, programs: Programs, tmp_path: Path
) -> None:
    model("push", "//:volume", f"{host}/ml/m:volume", "--plain-http")
    shipped = model("push", "//:ship", "--plain-http")
    assert "pushed 345 B; 809.0 kB were there already" in shipped.err, shipped.err
    digest = model.digest("//:pack")
    assert shipped.out == f"{host}/ml/m@{digest}\n"
    for tag in ("pack", "latest"):
        told = programs.run("oras", "manifest", "fetch", "--plain-http", "--descriptor", f"{host}/ml/m:{tag}")
        assert json.loads(told)["digest"] == digest

    manifest = json.loads(programs.run("oras", "manifest", "fetch", "--plain-http", f"{host}/ml/m:pack"))
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    weights, *_ = (row for row in manifest["layers"] if row["mediaType"] == "application/vnd.cncf.model.weight.v1.tar")
    fetch = ("oras", "blob", "fetch", "--plain-http", "--output", tmp_path / "weights.tar")
    programs.run(*fetch, f"{host}/ml/m@{weights['digest']}")
    path = weights["annotations"]["org.cncf.model.filepath"]
    with tarfile.open(tmp_path / "weights.tar") as archive:
        file = archive.extractfile(path)
        assert file
        assert file.read() == WEIGHTS


def test_podman_loads_both_archives_as_the_same_image(model: Mbuild, podman: Podman, tmp_path: Path) -> None:
    config = json.loads((_built(model) / "volume/manifest.json").read_text())["config"]["digest"]
    for kind in ("docker-archive", "oci-archive"):
        file = tmp_path / f"{kind}.tar"
        name = "localhost/views/m:v1" if kind == "docker-archive" else "v1"
        model("//:volume", "--output", f"{kind}:{file}:{name}")
        loaded = podman("pull", f"{kind}:{file}")
        assert f"sha256:{loaded}" == config
    assert json.loads(podman("image", "inspect", "localhost/views/m:v1"))[0]["Architecture"] == "amd64"


def _built(model: Mbuild) -> Path:
    model("//:volume")
    return model.folder / "mbuild-out"
