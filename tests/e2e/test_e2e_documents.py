"""The OCI documents of a built image: valid by the specifications' schemas, and true, number by number."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from mbuild_command import Mbuild
from schemas import beside, validate

pytestmark = pytest.mark.e2e

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def blob(layout: Path, digest: str) -> Path:
    assert DIGEST.fullmatch(digest)
    return layout / "blobs/sha256" / digest.removeprefix("sha256:")


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


def image(layout: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and config of the one image."""
    (row,) = read(layout / "index.json")["manifests"]
    manifest = read(blob(layout, row["digest"]))
    return manifest, read(blob(layout, manifest["config"]["digest"]))


@pytest.fixture(scope="module")
def volume(fraud: Mbuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volume") / "oci"
    fraud("//models:fraud_volume", "--output", f"oci:{folder}")
    return folder


@pytest.fixture(params=["layout", "volume"])
def written(request: pytest.FixtureRequest) -> Path:
    """A runnable image, and a data-only one."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


@beside
@pytest.mark.parametrize("folder", ["layout", "volume"])
def test_every_document_passes_the_schema_of_the_image_specification(
    request: pytest.FixtureRequest, folder: str
) -> None:
    layout = request.getfixturevalue(folder)
    manifest, config = image(layout)
    index = read(layout / "index.json")
    for name, document in (
        ("image-layout-schema.json", read(layout / "oci-layout")),
        ("image-index-schema.json", index),
        ("image-manifest-schema.json", manifest),
        ("config-schema.json", config),
    ):
        validate(name, document)
    for descriptor in (*index["manifests"], manifest["config"], *manifest["layers"]):
        validate("content-descriptor.json", descriptor)


def test_every_size_and_digest_recomputes_and_nothing_else_lies_there(written: Path) -> None:
    index = read(written / "index.json")
    manifest, _ = image(written)
    described = [*index["manifests"], manifest["config"], *manifest["layers"]]
    for descriptor in described:
        path = blob(written, descriptor["digest"])
        assert path.stat().st_size == descriptor["size"]
        with path.open("rb") as file:
            assert f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == descriptor["digest"]
    names = {descriptor["digest"].removeprefix("sha256:") for descriptor in described}
    assert {path.name for path in (written / "blobs/sha256").iterdir()} == names


def test_media_types_are_those_of_the_specification(written: Path) -> None:
    (row,) = read(written / "index.json")["manifests"]
    manifest, _ = image(written)
    assert (row["mediaType"], manifest["mediaType"], manifest["config"]["mediaType"]) == (MANIFEST, MANIFEST, CONFIG)
    assert manifest["schemaVersion"] == 2
    assert {layer["mediaType"] for layer in manifest["layers"]} <= {LAYER, f"{LAYER}+zstd"}


def test_every_diff_id_is_that_of_the_uncompressed_layer(written: Path) -> None:
    manifest, config = image(written)
    assert config["rootfs"]["type"] == "layers"
    assert all(DIGEST.fullmatch(digest) for digest in config["rootfs"]["diff_ids"])
    found = [diff_id(blob(written, layer["digest"]), layer["mediaType"]) for layer in manifest["layers"]]
    assert found == config["rootfs"]["diff_ids"]


def diff_id(path: Path, media_type: str) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        source = zstandard.ZstdDecompressor().stream_reader(file) if media_type == f"{LAYER}+zstd" else file
        for chunk in chunks(source):
            sha256.update(chunk)
    return f"sha256:{sha256.hexdigest()}"


def chunks(source: Any) -> Iterator[bytes]:
    while chunk := source.read(io.DEFAULT_BUFFER_SIZE * 32):
        yield chunk


def test_the_history_has_an_entry_for_each_layer(written: Path) -> None:
    manifest, config = image(written)
    filled = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(filled) == len(manifest["layers"]) == len(config["rootfs"]["diff_ids"])


def test_the_runnable_image_says_how_it_runs(layout: Path) -> None:
    _, config = image(layout)
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    settings = config["config"]
    assert settings["User"] not in ("", "0", "root", "0:0")
    assert settings["Entrypoint"] == ["/usr/local/bin/mlserver", "start", "/models"]
    assert sorted(settings["ExposedPorts"]) == ["8080/tcp", "8081/tcp", "8082/tcp"]
    assert settings["Labels"]["org.opencontainers.image.title"] == "fraud"
    assert not [line for line in settings["Env"] if str(Path.home()) in line and Path.home() != Path("/")]
