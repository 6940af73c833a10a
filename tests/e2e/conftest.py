from __future__ import annotations

from pathlib import Path

import pytest
from mbuild_command import FRAUD, Mbuild, clone


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
