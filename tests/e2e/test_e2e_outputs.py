"""What a build leaves: archives that others read, a store that knows what was done, weights that are watched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild, clone
from real_registry import registry

from buildkit.commands.build import build
from buildkit.commands.session import Options, Session
from buildkit.errors import BuildFailure
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry import Credentials, connect, push

pytestmark = pytest.mark.e2e

VOLUME = """
model(name = "m", framework = "sklearn", srcs = ["weights.bin"])
model_volume(name = "volume", models = [":m"])
"""


@pytest.fixture
def host(programs: Programs, tmp_path: Path) -> Iterator[str]:
    with registry(programs, tmp_path / "registry") as host:
        yield host


@pytest.fixture
def tiny(tmp_path: Path) -> Mbuild:
    """A workspace of one model whose weights lie in the repository, on a store of its own."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "mbuild.toml").touch()
    (folder / "BUILD").write_text(VOLUME)
    (folder / "weights.bin").write_bytes(b"weights " * 100_000)
    return Mbuild(folder, tmp_path / "store")


def test_skopeo_reads_the_layout_that_output_writes(fraud: Mbuild, layout: Path, programs: Programs) -> None:
    told = json.loads(programs.run("skopeo", "inspect", f"oci:{layout}:fraud"))
    assert told["Digest"] == fraud.digest("//models:fraud")
    assert told["Labels"]["org.opencontainers.image.title"] == "fraud"


def test_skopeo_reads_the_archive_that_output_writes_for_docker(fraud: Mbuild, programs: Programs, roomy: Path) -> None:
    archive = roomy / "fraud.tar"
    fraud("//models:fraud", "--output", f"docker-archive:{archive}")
    config = json.loads((fraud.folder / "mbuild-out/models/fraud/config.json").read_text())
    told = json.loads(programs.run("skopeo", "inspect", f"docker-archive:{archive}:fraud:latest"))
    raw = json.loads(programs.run("skopeo", "inspect", "--config", "--raw", f"docker-archive:{archive}"))
    assert told["Layers"] == config["rootfs"]["diff_ids"]
    assert raw == config


def test_skopeo_reads_the_oci_archive_and_copies_all_of_it(tiny: Mbuild, programs: Programs, tmp_path: Path) -> None:
    tiny("//:volume", "--output", f"oci-archive:{tmp_path / 'volume.tar'}:v1")
    told = json.loads(programs.run("skopeo", "inspect", f"oci-archive:{tmp_path / 'volume.tar'}:v1"))
    assert told["Digest"] == tiny.digest("//:volume")
    copy = ("skopeo", "--insecure-policy", "copy", "--preserve-digests")
    programs.run(*copy, f"oci-archive:{tmp_path / 'volume.tar'}:v1", f"oci:{tmp_path / 'oci'}:v1")
    tiny("//:volume", "--output", f"oci:{tmp_path / 'own'}:v1")
    assert held(tmp_path / "oci") == held(tmp_path / "own")


def held(layout: Path) -> set[str]:
    """The blobs of a layout."""
    return {path.name for path in (layout / "blobs/sha256").iterdir()}


def test_a_root_file_system_is_what_umoci_unpacks(fraud: Mbuild, layout: Path, programs: Programs, roomy: Path) -> None:
    fraud("//models:fraud", "--output", f"rootfs:{roomy / 'root'}")
    rootless = ["--rootless"] if os.geteuid() else []
    programs.run("umoci", "unpack", *rootless, "--image", f"{layout}:fraud", roomy / "bundle")
    ours, theirs = entries(roomy / "root"), entries(roomy / "bundle/rootfs")
    assert len(ours) > 1000
    assert ours == theirs


def entries(root: Path) -> dict[str, tuple[int, int, str]]:
    """Of every path its mode, its time, and what it holds or points at."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        if path.is_symlink():
            content = str(path.readlink())
        else:
            content = "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.relative_to(root).as_posix()] = (status.st_mode, int(status.st_mtime), content)
    return found


def test_a_second_run_does_no_action(fraud: Mbuild) -> None:
    targets = ("//models:fraud", "//models:fraud_golden", "//models:fraud_volume", "//data:all")
    first, second = fraud(*targets), fraud(*targets)
    assert (second.out, second.ran) == (first.out, 0)


def test_a_passed_test_is_not_run_again(fraud: Mbuild) -> None:
    first, second = fraud("test", "//models:fraud_test"), fraud("test", "//models:fraud_test")
    assert first.out == second.out == "//models:fraud_test passed\n"
    assert second.ran == 0


def test_the_clone_that_is_left_works_after_the_other_one_is_deleted(tiny: Mbuild, host: str, tmp_path: Path) -> None:
    other = Mbuild(clone(tiny.folder, tmp_path / "other"), tiny.store)
    assert tiny("//:volume").ran > 0
    again = other("//:volume")
    assert again.ran == 0  # everything was found, though the weights lie elsewhere
    shutil.rmtree(tiny.folder)

    other("//:volume", "--output", f"oci:{tmp_path / 'oci'}")
    pushed = other("push", "//:volume", f"{host}/ml/tiny:v1", "--plain-http").out.strip()
    assert pushed == f"{host}/ml/tiny@{other.digest('//:volume')}"


def test_weights_edited_after_the_build_are_found_out_at_push_by_name(tiny: Mbuild, host: str) -> None:
    session = Session(Options(tiny.folder, dict(os.environ), tiny.store), ignore)
    (built,) = build(session, ["//:volume"]).checked().built
    weights = tiny.folder / "weights.bin"
    was = weights.stat()
    weights.write_bytes(b"WEIGHTS " * 100_000)
    os.utime(weights, ns=(was.st_atime_ns, was.st_mtime_ns))
    reference = Reference.parse(f"{host}/ml/tiny:v1")
    target = connect(reference.host, Credentials((), None, ignore), ignore, plain_http=True)
    assert built.digest

    with pytest.raises(BuildFailure) as found:
        push(reference, built.digest, session.store, target, ignore, 2)

    assert str(weights) in found.value.message
    # Built anew it is another image, and its push is one that works.
    pushed = tiny("push", "//:volume", f"{host}/ml/tiny:v1", "--plain-http").out.strip()
    assert pushed == f"{host}/ml/tiny@{tiny.digest('//:volume')}" != f"{host}/ml/tiny@{built.digest}"
