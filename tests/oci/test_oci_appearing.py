"""What is written beside its name and then gets it: what killed writers left, and two writers at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from buildkit.errors import BuildError, EnvironmentFault
from buildkit.oci.appearing import new_file, new_folder, partial_of


def written(path: Path, data: bytes) -> None:
    with new_file(path, "archive") as target:
        target.write(data)


def test_what_a_killed_writer_left_of_a_file_is_used_and_none_of_it_stays(tmp_path: Path) -> None:
    partial_of(tmp_path / "a.tar").write_bytes(b"half of something that was longer")
    written(tmp_path / "a.tar", b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.tar": b"whole"}


def test_what_a_killed_writer_left_of_a_folder_is_emptied_and_used(tmp_path: Path) -> None:
    left = partial_of(tmp_path / "root")
    (left / "usr" / "bin").mkdir(parents=True)
    (left / "usr" / "bin" / "sh").write_text("old")
    (left / "link").symlink_to(tmp_path)
    for folder in (left / "usr" / "bin", left / "usr", left):
        folder.chmod(0o500)
    with new_folder(tmp_path / "root", "root file system") as made:
        (made / "etc").mkdir()
    assert sorted(path.relative_to(tmp_path).parts for path in tmp_path.rglob("*")) == [("root",), ("root", "etc")]


def test_who_fails_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"old")

    def file() -> None:
        with new_file(tmp_path / "a.tar", "archive") as target:
            target.write(b"half")
            raise KeyboardInterrupt

    def folder() -> None:
        with new_folder(tmp_path / "root", "root file system") as made:
            (made / "half").touch()
            raise KeyboardInterrupt

    for work in (file, folder):
        with pytest.raises(KeyboardInterrupt):
            work()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.tar": b"old"}


def test_what_has_no_name_is_refused_like_any_other_place_that_is_taken() -> None:
    with pytest.raises(EnvironmentFault) as caught, new_file(Path("/"), "archive"):
        pass
    assert caught.value.message == "cannot write the archive '/': is a directory"
    with pytest.raises(BuildError) as refused, new_folder(Path("/"), "root file system"):
        pass
    assert refused.value.message == "cannot write the root file system to '/': it is not an empty folder"


def test_two_writers_of_one_file_write_one_after_the_other(tmp_path: Path) -> None:
    began, others = threading.Event(), []

    def other() -> None:
        began.set()
        written(tmp_path / "a.tar", b"second")
        others.append((tmp_path / "a.tar").read_bytes())

    with new_file(tmp_path / "a.tar", "archive") as target:
        thread = threading.Thread(target=other)
        thread.start()
        began.wait()
        thread.join(0.2)
        assert thread.is_alive(), "it waits"
        target.write(b"first, which is longer")
    thread.join()
    assert (others, [path.name for path in tmp_path.iterdir()]) == ([b"second"], ["a.tar"])


def test_a_link_that_somebody_planted_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    partial_of(tmp_path / "a.tar").symlink_to(tmp_path / "precious")
    with pytest.raises(
        EnvironmentFault, match=r"cannot write the archive '.*a\.tar': too many levels of symbolic links"
    ):
        written(tmp_path / "a.tar", b"whole")
    assert (tmp_path / "precious").read_bytes() == b"mine"
