"""`mbuild image` on what other tools write: the same image in four forms, sound, and with nothing between them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from debian_programs import Programs
from image_layouts import Made, safetensors
from mbuild_command import Mbuild
from real_registry import registry

pytestmark = pytest.mark.e2e

LAYERS = [
    {"etc": None, "etc/os": "1", "l": ("link", "etc/os"), "h": ("hard", "etc/os"), "é": "1"},
    {"m/m.safetensors": safetensors({"a": ("F16", [1 << 20], bytes(1 << 21))}), "etc/.wh.os": ""},
]
LISTED = """\
drwxr-xr-x            0   1 etc
-rw-r--r--            1   1 h
lrw-r--r--            0   1 l -> etc/os
-rw-r--r--      2097267   2 m/m.safetensors
-rw-r--r--            1   1 é
"""


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_what_others_write_is_read_and_found_sound(programs: Programs, tmp_path: Path, compression: str) -> None:
    mbuild = Mbuild(tmp_path, tmp_path / "store")
    Made(LAYERS, compression).write(tmp_path / "ours", tag="v1")
    insecure = ["--insecure-policy", "copy", "--quiet"]
    programs.run("skopeo", *insecure, "oci:ours:v1", "oci-archive:a.tar:v1", cwd=tmp_path)
    programs.run("skopeo", *insecure, "oci:ours:v1", "docker-archive:d.tar:acme/x:v1", cwd=tmp_path)
    names = ["oci:ours:v1", "oci-archive:a.tar", "docker-archive:d.tar:acme/x:v1"]
    with registry(programs, tmp_path / "registry") as host:
        programs.run(
            "skopeo", *insecure, "--dest-tls-verify=false", "oci:ours:v1", f"docker://{host}/acme/x:v1", cwd=tmp_path
        )
        names.append(f"{host}/acme/x:v1")
        for name in names:
            assert mbuild("image", "validate", name, "--plain-http").out.startswith("sound: 1 manifest, 4 blobs")
            assert mbuild("image", "files", name, "--plain-http").out == LISTED
            found = json.loads(mbuild("image", "diff", names[0], name, "--json", "--plain-http", "--deep").out)
            assert (found["config"], found["packages"], found["weights"], found["files"]) == ([], {}, [], [])
    with tarfile.open(tmp_path / "d.tar") as archive:  # links between layers, as docker wrote them once
        assert any(member.issym() for member in archive) or compression == "none"


def test_an_image_that_podman_saves_is_read(programs: Programs, tmp_path: Path) -> None:
    mbuild = Mbuild(tmp_path, tmp_path / "store")
    Made(LAYERS, "gzip").write(tmp_path / "ours", tag="v1")
    programs.run("newer-skopeo", "--insecure-policy", "copy", "oci:ours:v1", "docker-archive:n.tar:x:v1", cwd=tmp_path)
    assert mbuild("image", "validate", "docker-archive:n.tar").out.startswith("sound")
    assert mbuild("image", "files", "docker-archive:n.tar:x:v1").out == LISTED


def test_the_table_of_a_target_counts_the_others_that_hold_a_layer(fraud: Mbuild) -> None:
    rows = [json.loads(line) for line in fraud("image", "layers", "//models:fraud", "--json").out.splitlines()]
    assert all(row["name"] and row["why"] for row in rows)
    shared = [row.get("shared") for row in rows]
    others = {text.rpartition(" of ")[2] for text in shared if text}
    assert len(others) <= 1
    assert fraud("image", "validate", "//models:fraud").out.startswith("sound")
