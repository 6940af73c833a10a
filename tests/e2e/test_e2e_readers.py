"""What crane, oras and a newer skopeo make of an image that mbuild pushed: they read every byte as it was written."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild
from real_registry import registry

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def host(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(programs, tmp_path_factory.mktemp("read") / "registry") as host:
        yield host


@pytest.fixture(scope="module")
def pushed(fraud: Mbuild, host: str) -> str:
    """The image's reference by tag, pushed by mbuild."""
    fraud("push", "//models:fraud", f"{host}/ml/fraud:v1", "--plain-http")
    return f"{host}/ml/fraud:v1"


def _manifest(fraud: Mbuild) -> bytes:
    return (fraud.folder / "mbuild-out/models/fraud/manifest.json").read_bytes()


def test_crane_finds_the_manifest_sound_and_the_same_to_the_byte(
    fraud: Mbuild, pushed: str, programs: Programs
) -> None:
    # Without --fast crane takes every layer for gzip.
    assert programs.run("crane", "validate", "--fast", "--remote", pushed) == f"PASS: {pushed}\n"
    assert programs.run("crane", "digest", pushed).strip() == fraud.digest("//models:fraud")
    assert programs.run("crane", "manifest", pushed).encode() == _manifest(fraud)


def test_crane_pulls_every_layer_as_it_is(fraud: Mbuild, pushed: str, programs: Programs, roomy: Path) -> None:
    programs.run("crane", "pull", "--format=oci", pushed, roomy / "oci")
    document = json.loads(_manifest(fraud))
    for row in (document["config"], *document["layers"]):
        algorithm, _, digits = row["digest"].partition(":")
        with (roomy / "oci/blobs" / algorithm / digits).open("rb") as blob:
            assert hashlib.file_digest(blob, algorithm).hexdigest() == digits


def test_oras_copies_it_under_the_same_digest(fraud: Mbuild, pushed: str, host: str, programs: Programs) -> None:
    programs.run("oras", "copy", "--from-plain-http", "--to-plain-http", pushed, f"{host}/copies/fraud:v1")
    described = programs.run("oras", "manifest", "fetch", "--plain-http", "--descriptor", f"{host}/copies/fraud:v1")
    assert json.loads(described) == _descriptor(fraud)


def _descriptor(fraud: Mbuild) -> dict[str, Any]:
    document = _manifest(fraud)
    media_type = json.loads(document)["mediaType"]
    return {"mediaType": media_type, "digest": fraud.digest("//models:fraud"), "size": len(document)}


def test_a_newer_skopeo_copies_it_to_a_layout_under_the_same_digest(
    fraud: Mbuild, pushed: str, programs: Programs, roomy: Path
) -> None:
    copy = ("newer-skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--preserve-digests")
    programs.run(*copy, f"docker://{pushed}", f"oci:{roomy}/oci:fraud")
    index = json.loads((roomy / "oci/index.json").read_text())
    assert [row["digest"] for row in index["manifests"]] == [fraud.digest("//models:fraud")]


def test_what_oras_attaches_oras_discovers(pushed: str, programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# A card\n")
    attach = [programs.path("oras"), "attach", "--plain-http", "--artifact-type", "application/vnd.example.card"]
    subprocess.run([*attach, pushed, "card.md:text/markdown"], cwd=tmp_path, check=True, capture_output=True)
    found = json.loads(programs.run("oras", "discover", "--plain-http", "--format", "json", pushed))
    rows = found.get("manifests") or found.get("referrers")
    assert [row["artifactType"] for row in rows] == ["application/vnd.example.card"]
