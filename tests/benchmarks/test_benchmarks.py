"""Each benchmark, with an input so small that only its being alive shows."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key
from buildkit.store import DiskStore

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

# What stands in for a program that this machine lacks: figures are not the point here.
STAND_INS = {
    "openssl": "import hashlib, sys; print(hashlib.sha256(open(sys.argv[-1], 'rb').read()).hexdigest())",
    "zstd": "import sys, zstandard as z; z.ZstdCompressor(3).copy_stream(sys.stdin.buffer, open(sys.argv[-1], 'wb'))",
}


CODE = """
python_sources(name = "code", srcs = ["code.py"])
runtime(name = "runtime", base = ":code", bytecode = False, server = "mlserver")
model(name = "weights", srcs = ["weights.json"], framework = "custom", implementation = "code.Model")
model_image(name = "image", models = [":weights"], runtime = ":runtime")
"""

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is what pushes and pulls are measured against")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="podman and buildah without root need subordinate users, which only root can grant"
)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, line in STAND_INS.items():
        if not shutil.which(name):
            (folder / name).write_text(f"#!{sys.executable}\n{line}\n")
            (folder / name).chmod(0o755)
    return folder


def measured(script: str, programs: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), "--rounds", "1", *arguments],
        check=False,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^- .*: [\d.]+, aim at most [\d.]+: (met|MISSED)$", ran.stdout, re.MULTILINE)
    return ran.stdout


def test_weights_are_measured_against_openssl(tmp_path: Path, programs: Path) -> None:
    told = measured("weights.py", programs, "--size", "1", "--folder", str(tmp_path))
    assert re.findall(r"^\| (\w+)", told, re.MULTILINE) == ["mbuild", "the", "the", "python", "openssl"]


def test_a_null_build_is_measured_against_python(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "mbuild.toml").touch()
    (tmp_path / "BUILD").write_text('filegroup(name = "x", srcs = ["BUILD"])\n')
    told = measured("null_build.py", programs, "--workspace", str(tmp_path), "--target", "//:x")
    assert re.findall(r"^\| (\w+ \S+)", told, re.MULTILINE) == ["mbuild //:x", "mbuild version", "python -c"]


def test_wheels_are_measured_against_uv_tar_and_zstd(tmp_path: Path, programs: Path) -> None:
    workspace, store = tmp_path / "workspace", tmp_path / "filled"
    workspace.mkdir()
    (workspace / "mbuild.toml").touch()
    (workspace / "BUILD").write_text('python_packages(name = "p", lock = "p.lock", requirements = ["tiny"])\n')
    digest = DiskStore(store).put(_wheel(tmp_path))
    entry = LockEntry("tiny", "1.0", "tiny-1.0-py3-none-any.whl", digest.size, digest.hex)
    request = {
        "requirements": ("tiny",),
        "constraints": (),
        "python": "3.11",
        "platform": "linux/amd64",
        "glibc": "2.36",
    }
    (workspace / "p.lock").write_text(render_lock(Lock("python", request_key("python", request), (entry,))))
    told = measured(
        *("wheels.py", programs, "--workspace", str(workspace), "--target", "//:p", "--lock", "p.lock"),
        *("--cache-dir", str(store), "--folder", str(tmp_path), "--runtime", ""),
    )
    assert re.findall(r"^\| (\w+)", told, re.MULTILINE) == ["mbuild", "mbuild", "inflating", "uv"]


def test_ten_images_are_measured_against_one(tmp_path: Path, programs: Path) -> None:
    models = tmp_path / "workspace" / "models"
    models.mkdir(parents=True)
    (models.parent / "mbuild.toml").touch()
    (models / "BUILD").write_text(
        'filegroup(name = "one", srcs = ["BUILD"])\nfilegroup(name = "ten", srcs = [":one"])\n'
    )
    told = measured("ten_images.py", programs, "--workspace", str(models.parent), "--folder", str(tmp_path))
    assert re.findall(r"^\| (\w+ \S+)", told, re.MULTILINE) == ["mbuild //models:ten", "mbuild //models:one"]


@needs_curl
@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["http", "tls"])
def test_a_push_is_measured_against_curl(
    tmp_path: Path, programs: Path, kept_store: Path, tls: tuple[str, ...]
) -> None:
    options = ("--size", "1", "--folder", str(tmp_path), "--programs", str(kept_store))
    told = measured("push.py", programs, *options, *tls)
    assert re.findall(r"^\| (\w+ \S+)", told, re.MULTILINE) == ["mbuild push", "curl POST,"]


@needs_curl
@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["http", "tls"])
def test_a_pull_is_measured_against_skopeo_and_curl(
    tmp_path: Path, programs: Path, kept_store: Path, tls: tuple[str, ...]
) -> None:
    options = ("--size", "1", "--folder", str(tmp_path), "--programs", str(kept_store))
    told = measured("pull.py", programs, *options, *tls)
    assert re.findall(r"^\| (\w+ \S+)", told, re.MULTILINE) == [
        "mbuild pull",
        "mbuild pull,",
        "skopeo copy,",
        "curl GET",
    ]


@needs_root
def test_a_release_is_measured_against_buildah_and_skopeo(tmp_path: Path, programs: Path, kept_store: Path) -> None:
    told = measured("release.py", programs, "--size", "1", "--folder", str(tmp_path), "--programs", str(kept_store))
    assert re.findall(r"^\| (\w+ [\w,-]+(?: --\S+)?)", told, re.MULTILINE) == [
        "mbuild push",
        "buildah from,",
        "skopeo copy",
        "skopeo copy --preserve-digests",
        "curl POST,",
    ]


@needs_root
@pytest.mark.parametrize("weights", ["0", "1"])
def test_a_change_of_code_is_measured_against_podman(
    tmp_path: Path, programs: Path, kept_store: Path, weights: str
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "mbuild.toml").touch()
    (workspace / "code.py").write_text('"""A model."""\n')
    (workspace / "weights.json").write_text("{}\n")
    (workspace / "BUILD").write_text(CODE)
    told = measured(
        *("code_change.py", programs, "--workspace", str(workspace), "--weights", weights),
        *("--folder", str(tmp_path), "--programs", str(kept_store)),
    )
    assert re.findall(r"^\| (\w+ \S+)", told, re.MULTILINE) == ["mbuild push", "podman build,"]


def _wheel(folder: Path) -> bytes:
    files = {
        "tiny.py": b"x = 1\n",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{name},sha256={_record_hash(data)},{len(data)}" for name, data in files.items()]
    files["tiny-1.0.dist-info/RECORD"] = "\n".join([*rows, "tiny-1.0.dist-info/RECORD,,", ""]).encode()
    path = folder / "tiny.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path.read_bytes()


def _record_hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
