"""`mbuild lint`, on a workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invocations import Place

RULE = """\
def _new_impl(ctx):
    return []

new = rule(
    implementation = _new_impl,
    doc = "New.",
    attrs = {
        "old": attr.string(doc = "Old.", deprecated = "use 'fresh'"),
        "fresh": attr.string(doc = "Fresh."),
    },
)
"""
BUILD = """\
load(":new.bzl", "new", "other")

new(
    name = "n",
    fresh = "1",
    old = "2",
)

filegroup(
    name = "every",
    srcs = glob(["**/*.txt"]),
)

filegroup(
    name = "own",
    srcs = glob(
        ["**/*.txt"],
        exclude = ["in/**"],
    ),
)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "ws", tmp_path / "cache")
    inner = 'exports_files(["b.txt"])\n'
    place.write(
        {"mbuild.toml": "", "a/new.bzl": RULE, "a/BUILD": BUILD, "a/in/BUILD": inner, "a/in/b.txt": "b", "a/c.txt": "c"}
    )
    return place


def test_findings_have_a_place_a_name_and_a_hint(place: Place) -> None:
    place.edit("a/new.bzl", "def _new", "other = 1\n\ndef _new")
    ran = place.mbuild("lint")
    assert (ran.code, ran.stderr) == (1, "")
    assert ran.stdout == (
        "a/BUILD:1:25: warning: 'other' is loaded and never used [load]\n"
        "hint: remove it\n"
        "a/BUILD:6:5: warning: 'old' of rule 'new' is deprecated [deprecated-attribute]\n"
        "hint: use 'fresh'\n"
        "a/BUILD:11:18: warning: the glob pattern '**/*.txt' reaches into the package '//a/in' [glob-crosses-package]\n"
        "hint: files of '//a/in' are left out: name its targets, or exclude its folder\n"
    )


def test_what_can_be_removed_safely_is(place: Place) -> None:
    ran = place.mbuild("lint", "--fix", "a/BUILD")
    assert (ran.code, ran.stderr) == (1, "mended a/BUILD\n")
    assert (place.root / "a/BUILD").read_text() == BUILD.replace(', "other"', "")


def test_a_clean_workspace_has_exit_code_0(place: Place) -> None:
    place.write({"a/BUILD": "new = 1  # @unused\n"})
    ran = place.mbuild("lint")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")


def test_json_has_an_object_a_finding(place: Place) -> None:
    ran = place.mbuild("lint", "--json", "a/BUILD")
    assert json.loads(ran.stdout.splitlines()[0]) == {
        "file": "a/BUILD",
        "line": 1,
        "column": 25,
        "end_line": 1,
        "end_column": 32,
        "check": "load",
        "message": "'other' is loaded and never used",
        "hint": "remove it",
    }


def test_a_mistake_is_told_and_the_other_files_are_looked_at(place: Place) -> None:
    place.write({"a/in/BUILD": "f("})
    ran = place.mbuild("lint")
    assert ran.code == 2
    assert ran.stdout.startswith("a/BUILD:1:25: warning:")
    assert ran.stderr == "a/in/BUILD:1:2: error: '(' is never closed\n    f(\n     ^\n"


def test_files_that_are_named_need_no_workspace(tmp_path: Path) -> None:
    place = Place(tmp_path / "none", tmp_path / "cache")
    place.write({"x.bzl": "_X = 1\n"})
    ran = place.mbuild("lint", "x.bzl")
    assert (ran.code, ran.stdout) == (
        1,
        "x.bzl:1:1: warning: variable '_X' is never read [unused-variable]\nhint: remove it\n",
    )
