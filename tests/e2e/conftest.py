from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_programs import Programs
from mbuild_command import FRAUD, Mbuild, clone
from podman_containers import Podman


@pytest.fixture(scope="session")
def fraud(kept_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Mbuild:
    """A clone of examples/fraud on the kept store, with its image built."""
    mbuild = Mbuild(clone(FRAUD, tmp_path_factory.mktemp("clones") / "fraud"), kept_store)
    mbuild("//models:fraud", "//models:fraud_golden", "--jobs", "2")
    return mbuild


@pytest.fixture(scope="session")
def layout(fraud: Mbuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of //models:fraud as an OCI layout, as `--output` writes it."""
    folder = tmp_path_factory.mktemp("layout") / "oci"
    fraud("//models:fraud", "--output", f"oci:{folder}")
    return folder


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[Path]:
    """A folder for hundreds of megabytes, which are not kept for later reading as pytest does with others."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def podman(programs: Programs) -> Iterator[Podman]:
    """podman with an empty storage of its own; all that a test leaves in it is taken away."""
    if os.geteuid():
        pytest.skip("podman without root needs subordinate users (newuidmap), which only root can grant")
    folder = Path(tempfile.mkdtemp(prefix="podman-"))
    found = Podman.of(programs, folder)
    yield found
    found.start("rm", "--all", "--force")
    found.start("rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)
