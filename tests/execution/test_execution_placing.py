"""How inputs are laid out: the same for every checkout, as far as copies are cheap."""

import os
import shutil
from pathlib import Path

import pytest

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.execution.environment import EPOCH
from buildkit.execution.placing import Limits, clone, place
from buildkit.execution.sandbox import Bind
from buildkit.store import DiskStore

LIMITS = Limits(small=4, one=8, together=15)


def no_clone(source: Path, target: Path) -> bool:
    return False


def copying_clone(source: Path, target: Path) -> bool:
    shutil.copy2(source, target)
    return True


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "store")


def adopted(store: DiskStore, path: Path, size: int, mode: int = 0o644, time: int = 1_000_000_000) -> Blob:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    path.chmod(mode)
    os.utime(path, (time, time))
    return Blob(store.adopt(path))


def seen(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Path → size, mode and time of every file."""
    found = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: (stat.st_size, stat.st_mode & 0o7777, int(stat.st_mtime)) for name, stat in sorted(found.items())}


def test_copies_are_alike_whatever_the_checkout(store: DiskStore, tmp_path: Path) -> None:
    for checkout, mode, time in (("one", 0o600, 1), ("other", 0o755, 2_000_000_000)):
        inputs = [(f"p/{size}", adopted(store, tmp_path / checkout / str(size), size, mode, time)) for size in (3, 5)]
        assert place(inputs, tmp_path / f"of {checkout}", "/build", store, limits=LIMITS, clone=no_clone) == []
        assert seen(tmp_path / f"of {checkout}") == {"p/3": (3, 0o555, EPOCH), "p/5": (5, 0o555, EPOCH)}


def test_a_big_file_is_bound_and_so_are_those_that_together_are_too_much(store: DiskStore, tmp_path: Path) -> None:
    inputs = [(str(size), adopted(store, tmp_path / "src" / str(size), size)) for size in (9, 8, 7, 6, 4, 3)]
    binds = place(inputs, tmp_path / "build", "/build", store, limits=LIMITS, clone=no_clone)
    assert binds == [Bind(f"/build/{name}", tmp_path / "src" / name) for name in ("9", "6")]
    assert {name: size for name, (size, _, _) in seen(tmp_path / "build").items()} == {
        "3": 3, "4": 4, "6": 0, "7": 7, "8": 8, "9": 0,
    }  # fmt: skip


def test_where_files_can_be_cloned_none_is_bound(store: DiskStore, tmp_path: Path) -> None:
    inputs = [(str(size), adopted(store, tmp_path / "src" / str(size), size, 0o600)) for size in (9, 8, 7, 6, 3)]
    assert place(inputs, tmp_path / "build", "/build", store, limits=LIMITS, clone=copying_clone) == []
    assert seen(tmp_path / "build") == {str(size): (size, 0o555, EPOCH) for size in (3, 6, 7, 8, 9)}


def test_a_trees_files_keep_whether_they_are_executable(store: DiskStore, tmp_path: Path) -> None:
    files = {"big": (b"12345", 0o755), "sub/small": (b"1", 0o644)}
    entries = [Entry(name, Kind.FILE, mode, store.put(data)) for name, (data, mode) in files.items()]
    tree = Blob(store.put(Tree.of([Entry("sub", Kind.DIRECTORY, 0o755), *entries]).to_json()), tree=True)
    assert place([("t", tree)], tmp_path / "build", "/build", store, limits=LIMITS, clone=no_clone) == []
    assert seen(tmp_path / "build") == {"t/big": (5, 0o555, EPOCH), "t/sub/small": (1, 0o444, EPOCH)}


def test_a_clone_holds_the_same_bytes_or_is_not_there(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"weights")
    if clone(source, target):
        assert Digest.of(target.read_bytes()) == Digest.of(b"weights")
    else:
        assert not target.exists()
