from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(autouse=True)
def bubblewrap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test is about bubblewrap and the machine has none, the one that mbuild unpacked is on the PATH."""
    if "bubblewrap" in request.node.name and not shutil.which("bwrap"):
        programs = request.getfixturevalue("programs")
        monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{programs.folder}")
