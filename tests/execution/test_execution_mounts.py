"""Mount points in a root that was made to mislead: nothing is ever made outside it."""

import io
import tarfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from buildkit.errors import EnvironmentFault
from buildkit.execution import prepare_root
from buildkit.execution.sandbox import Bind, Command, Sandbox
from buildkit.execution.sandbox.bubblewrap import Bubblewrap
from buildkit.execution.sandbox.namespaces import Namespaces
from buildkit.store import DiskStore


@pytest.mark.parametrize("sandbox", [Namespaces(), Bubblewrap()], ids=["namespaces", "bubblewrap"])
def test_a_mount_point_behind_a_roots_symlink_is_not_made_on_the_machine(tmp_path: Path, sandbox: Sandbox) -> None:
    for name in ("victim", "scratch", "build"):
        (tmp_path / name).mkdir()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as layer:
        link = tarfile.TarInfo("data")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "victim")
        layer.addfile(link)
    store = DiskStore(tmp_path / "store")
    root = prepare_root([store.put(archive.getvalue())], store)
    mounts = (Bind("/build", tmp_path / "build"), Bind("/data/sub/new", tmp_path / "build"))
    command = Command(("true",), (), root, tmp_path / "scratch", mounts)
    with suppress(EnvironmentFault):  # what it says differs; that nothing was made does not
        sandbox.run(command, lambda data: None, threading.Event())
    assert list((tmp_path / "victim").iterdir()) == []
