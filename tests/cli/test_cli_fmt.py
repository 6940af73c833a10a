"""`mbuild fmt`, on a workspace and without one."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from invocations import MBUILD, Place

ODD = "f(b=1,a=2)\n"
GOOD = "f(\n    a = 2,\n    b = 1,\n)\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "ws", tmp_path / "cache")
    place.write(
        {
            "mbuild.toml": "",
            "BUILD": ODD,
            "a/BUILD": GOOD,
            "a/BUILD.mbuild": ODD,
            "a/x.bzl": "x=1\n",
            "a/deep/y.bzl": "y = 1\n",
            "nested/mbuild.toml": "",
            "nested/BUILD": ODD,
            ".venv/BUILD": ODD,
            "mbuild-out/BUILD": ODD,
        }
    )
    return place


def test_all_files_below_are_formatted_but_not_those_that_are_never_entered(place: Place) -> None:
    ran = place.mbuild("fmt")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "BUILD\na/BUILD.mbuild\na/x.bzl\n", "")
    assert (place.root / "BUILD").read_text() == GOOD
    assert (place.root / "a/x.bzl").read_text() == "x = 1\n"
    assert (place.root / "nested/BUILD").read_text() == ODD
    assert place.mbuild("fmt").stdout == ""


def test_check_names_files_writes_nothing_and_fails(place: Place) -> None:
    ran = place.mbuild("fmt", "--check", "a")
    assert (ran.code, ran.stdout) == (1, "a/BUILD.mbuild\na/x.bzl\n")
    assert (place.root / "a/x.bzl").read_text() == "x=1\n"
    place.mbuild("fmt")
    assert place.mbuild("fmt", "--check").code == 0


def test_diff_prints_what_would_change(place: Place) -> None:
    ran = place.mbuild("fmt", "--diff", "a/x.bzl")
    assert (ran.code, ran.stdout) == (0, "--- a/a/x.bzl\n+++ b/a/x.bzl\n@@ -1 +1 @@\n-x=1\n+x = 1\n")


def test_a_mistake_is_told_and_the_other_files_are_formatted(place: Place) -> None:
    place.write({"a/BUILD.mbuild": "f(", "a/x.bzl": "x=1\n"})
    ran = place.mbuild("fmt", "a")
    assert (ran.code, ran.stdout) == (2, "a/x.bzl\n")
    assert ran.stderr == "a/BUILD.mbuild:1:2: error: '(' is never closed\n    f(\n     ^\n"


def test_permissions_and_links_stay(place: Place) -> None:
    place.write({"real.bzl": "x=1\n"})
    (place.root / "real.bzl").chmod(0o640)
    (place.root / "a/link.bzl").symlink_to("../real.bzl")
    assert place.mbuild("fmt", "a/link.bzl").stdout == "a/link.bzl\n"
    assert (place.root / "a/link.bzl").is_symlink()
    assert (place.root / "real.bzl").read_text() == "x = 1\n"
    assert stat.S_IMODE((place.root / "real.bzl").stat().st_mode) == 0o640


def test_bytes_that_are_no_text_stay(place: Place) -> None:
    place.write({"a/x.bzl": b"x='\xff'\n"})
    place.mbuild("fmt", "a/x.bzl")
    assert (place.root / "a/x.bzl").read_bytes() == b'x = "\xff"\n'


def test_named_files_need_no_workspace(tmp_path: Path) -> None:
    place = Place(tmp_path / "none", tmp_path / "cache")
    place.write({"BUILD": ODD})
    assert place.mbuild("fmt", "BUILD").stdout == "BUILD\n"
    assert place.mbuild("fmt").code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "error: no file or folder 'nowhere'\n"),
        (["../outside"], "error: '../outside' is not in the workspace '{root}'\n"),
    ],
)
def test_paths_that_cannot_be_meant(place: Place, words: list[str], message: str) -> None:
    (place.root.parent / "outside").mkdir()
    ran = place.mbuild("fmt", *words)
    assert (ran.code, ran.stderr) == (2, message.format(root=place.root))


def test_standard_input_that_is_not_utf8_is_told() -> None:
    ran = subprocess.run([*MBUILD, "fmt", "-"], input=b"x = 1\n\xff", capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.startswith(b"<stdin>:2:1: error: not UTF-8 text: there is a byte 0xff\n")


def test_standard_input_goes_to_standard_output() -> None:
    ran = subprocess.run([*MBUILD, "fmt", "-"], input=ODD, capture_output=True, text=True, check=True)
    assert ran.stdout == GOOD


def test_a_mistake_on_the_standard_input_is_shown_in_its_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*MBUILD, "fmt", "-"], cwd=tmp_path, input="x = (", capture_output=True, text=True, check=False
    )
    told = "<stdin>:1:5: error: '(' is never closed\n    x = (\n        ^\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_a_link_and_its_target_are_one_file(place: Place) -> None:
    (place.root / "a/link.bzl").symlink_to("x.bzl")
    assert place.mbuild("fmt", "--check", "a").stdout == "a/BUILD.mbuild\na/x.bzl\n"
    assert place.mbuild("fmt", "--check", "a/link.bzl").stdout == "a/link.bzl\n"
