"""`mbuild new`: what it adds, and that what is there stays. That it all builds and serves is shown in tests/e2e."""

from __future__ import annotations

from pathlib import Path

import pytest
from invocations import Place, Ran, in_process


def begun(tmp_path: Path, framework: str) -> Place:
    place = Place(tmp_path / "shop", tmp_path / "store")
    assert in_process("init", str(place.root), "--framework", framework).code == 0
    return place


def labels(place: Place, pattern: str) -> list[str]:
    ran = place.mbuild("query", pattern)
    assert (ran.code, ran.told) == (0, ""), ran.stderr
    return ran.stdout.split()


def test_a_rule_of_ones_own_builds_and_is_documented(tmp_path: Path) -> None:
    place = begun(tmp_path, "none")
    ran = place.mbuild("new", "rule", "line_count")
    assert ran == Ran(
        0,
        "rules/line_count.bzl\nrules/BUILD\n",
        "  next:\n  mbuild //rules:line_count_example\n  mbuild docs //rules:line_count.bzl --output -\n",
    )
    assert place.mbuild("//rules:line_count_example").code == 0
    assert (place.root / "mbuild-out/rules/line_count_example.txt").read_text() == "Files:\nrules/line_count.bzl\n"
    page = place.mbuild("docs", "//rules:line_count.bzl", "--output", "-")
    assert (page.code, "## LineCountInfo" in page.stdout, "**Example**" in page.stdout) == (0, True, True)


def test_a_second_rule_is_loaded_after_the_first(tmp_path: Path) -> None:
    place = begun(tmp_path, "none")
    for name in ("one", "two"):
        assert place.mbuild("new", "rule", name).code == 0
    text = (place.root / "rules/BUILD").read_text()
    assert text.startswith('load(":one.bzl", "one")\nload(":two.bzl", "two")\n\n# Shows')
    assert labels(place, "//rules/...") == ["//rules:one_example", "//rules:two_example"]


BEFORE = {
    "": 'load(":one.bzl", "one")\n\n# Shows',
    "# A comment.\n\nx = 1\n": 'load(":one.bzl", "one")\n\n# A comment.\n\nx = 1\n\n# Shows',
    '"""A doc."""\n\nx = 1\n': '"""A doc."""\n\nload(":one.bzl", "one")\n\nx = 1\n\n# Shows',
    "x = 1": 'load(":one.bzl", "one")\n\nx = 1\n\n# Shows',
}


@pytest.mark.parametrize("before", BEFORE)
def test_what_a_build_file_says_stays(tmp_path: Path, before: str) -> None:
    place = begun(tmp_path, "none")
    place.write({"rules/BUILD": before})
    assert place.mbuild("new", "rule", "one").code == 0
    assert (place.root / "rules/BUILD").read_text().startswith(BEFORE[before])
    assert labels(place, "//rules/...") == ["//rules:one_example"]


def test_a_model_without_a_server_is_a_data_only_image(tmp_path: Path) -> None:
    place = begun(tmp_path, "none")
    ran = place.mbuild("new", "model", "second")
    assert ran == Ran(0, "models/second.json\nmodels/BUILD\n", "  next:\n  mbuild //models:second\n")
    assert place.mbuild("//models:second").code == 0


def test_a_model_is_of_the_kind_that_the_workspace_serves(tmp_path: Path) -> None:
    place = begun(tmp_path, "custom")
    ran = place.mbuild("new", "model", "second", "--package", "//other")
    assert (ran.code, ran.stdout.split()) == (
        0,
        ["other/second.json", "other/second.py", "other/second_golden.json", "other/BUILD"],
    )
    assert ran.told == "  next:\n  mbuild //other:second\n  mbuild test //other:second_test"
    assert labels(place, "//other/...") == [
        f"//other:second{end}" for end in ("", "_model", "_server", "_sources", "_test")
    ]


def test_a_trained_model_runs_where_its_framework_is(tmp_path: Path) -> None:
    place = begun(tmp_path, "custom")
    assert place.mbuild("new", "model", "m", "--framework", "sklearn") == Ran(
        2,
        "",
        "error: no runtime of this workspace that '//models' sees can serve 'sklearn'\n"
        "hint: make one with 'mbuild new runtime NAME --framework sklearn', or take --framework none\n",
    )
    assert place.mbuild("new", "runtime", "trainer", "--framework", "sklearn").code == 0
    assert place.mbuild("new", "model", "m").code == 0
    assert 'runtime = "//third_party:trainer"' in (place.root / "models/BUILD").read_text()


def test_a_runtime_that_depends_on_the_configuration_is_not_copied(tmp_path: Path) -> None:
    place = begun(tmp_path, "custom")
    place.edit(
        "third_party/BUILD", 'packages = [":server_packages"]', 'packages = select({"//conditions:default": []})'
    )
    assert place.mbuild("new", "model", "m").stdout.split() == ["models/m.json", "models/BUILD"]


def test_packages_that_depend_on_the_configuration_are_not_looked_into(tmp_path: Path) -> None:
    place = begun(tmp_path, "sklearn")
    old = 'requirements = [\n        "mlserver-sklearn==1.7.1",\n        "mlserver==1.7.1",\n    ]'
    place.edit("third_party/BUILD", old, 'requirements = select({"//conditions:default": ["mlserver-sklearn==1.7.1"]})')
    assert "models/m.py" in place.mbuild("new", "model", "m").stdout.split()


def test_a_runtime_takes_the_base_that_is_there_or_brings_one(tmp_path: Path) -> None:
    place = begun(tmp_path, "none")
    first = place.mbuild("new", "runtime", "first")
    assert first.told.splitlines()[1] == "  mbuild lock //third_party:debian_python"
    second = place.mbuild("new", "runtime", "second", "--package", "more")
    assert second.told == "  next:\n  mbuild lock //more:second_packages\n  mbuild //more:second"
    assert 'base = "//third_party:debian_python"' in (place.root / "more/BUILD").read_text()
    assert labels(place, "//third_party/...") == [
        "//third_party:debian_python",
        "//third_party:first",
        "//third_party:first_packages",
    ]


def test_another_name_of_build_files_is_kept_to(tmp_path: Path) -> None:
    place = begun(tmp_path, "none")
    place.write({"mbuild.toml": '[workspace]\nbuild_files = ["BUILD.mbuild"]\n'})
    assert place.mbuild("new", "model", "m", "--package", "a").stdout.split() == ["a/m.json", "a/BUILD.mbuild"]


@pytest.mark.parametrize("framework", ["none", "custom", "sklearn"])
def test_what_is_written_is_in_canonical_form_and_nothing_in_it_is_odd(tmp_path: Path, framework: str) -> None:
    place = begun(tmp_path, framework)
    for argv in (("model", "second"), ("rule", "listing"), ("runtime", "third")):
        assert place.mbuild("new", *argv).code == 0
    assert place.mbuild("fmt", "--check") == Ran(0, "", "")
    assert place.mbuild("lint") == Ran(0, "", "")


REFUSED = {
    "a target that is there": (
        ["new", "model", "shop"],
        "error: target 'shop_model' is there already in package '//models' (models/BUILD:3:1)\n"
        "hint: choose another name, or another package with --package\n",
    ),
    "a file that is there": (
        ["new", "model", "taken"],
        "error: a file is in the way in 'ROOT'\n  models/taken.json\n"
        "hint: move what is there, or name another folder: nothing was written\n",
    ),
    "a name of the language": (
        ["new", "rule", "def"],
        "error: 'def' is a word of the language already\nhint: choose another name\n",
    ),
    "a name of a test": (
        ["new", "rule", "x_test"],
        "error: 'x_test' is a test's name, and what is made here is none\nhint: choose another name\n",
    ),
    "a name of a standard rule": (
        ["new", "rule", "filegroup"],
        "error: 'filegroup' is a word of the language already\nhint: choose another name\n",
    ),
    "a name that no target can have": (
        ["new", "runtime", "a/b"],
        "error: 'a/b' cannot be a runtime's name\n"
        "hint: write lower-case letters, digits and '_', beginning with a letter, such as 'fraud_v3'\n",
    ),
    "a package that cannot be": (
        ["new", "rule", "x", "--package", "a//b"],
        "error: invalid label '//a//b:x': 'a//b' is not a package name\n"
        "hint: labels look like '//package:name' or ':name'\n",
    ),
    "an unknown kind": (
        ["new", "modle", "x"],
        "error: 'KIND' must be one of 'model', 'runtime', 'rule', found 'modle'\nhint: did you mean 'model'?\n",
    ),
    "a runtime that is none": (
        ["new", "model", "x", "--runtime", "//models:shop"],
        "error: '//models:shop' is not a runtime with a server\nhint: make one with 'mbuild new runtime NAME'\n",
    ),
    "options of a model for a rule": (
        ["new", "rule", "x", "--framework", "custom"],
        "error: a rule takes neither --framework nor --runtime\nhint: leave them out\n",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_added_is_told_and_nothing_is_written(tmp_path: Path, mistake: str) -> None:
    place = begun(tmp_path, "none")
    place.write({"models/taken.json": ""})
    before = {path: path.read_text() for path in place.root.rglob("*") if path.is_file()}
    argv, message = REFUSED[mistake]
    assert place.mbuild(*argv) == Ran(2, "", message.replace("ROOT", str(place.root)))
    assert {path: path.read_text() for path in place.root.rglob("*") if path.is_file()} == before
