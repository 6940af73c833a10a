"""Macros: `native`, rules by name from the standard files, a workspace's own prelude."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_fakes import Place, place

from buildkit.graph.modules import PRELUDE
from buildkit.label import Label

MACROS = """
def files(name, **kwargs):
    native.filegroup(name = name + "_all", srcs = native.glob(["*.txt"]), **kwargs)
    native.package_group(name = name + "_friends", packages = ["//q"])
    native.exports_files(["a.txt"])
    print(native.package_name(), native.repository_name(), native.existing_rule(name + "_all")["srcs"])
    print(native.existing_rule("none"), sorted(native.existing_rules()), native.package_relative_label(":x"))
    print(native.existing_rules()[name + "_all"]["kind"], native.existing_rule("other")["tags"])
"""
BUILD = """load("//:macros.bzl", "files")
filegroup(name = "other", srcs = select({"//conditions:default": [":a.txt"]}), tags = ["t"])
files("x", visibility = [":x_friends"])
print(package_name(), repository_name(), existing_rule("other")["srcs"], existing_rule("x_all")["visibility"])
"""


def workspace(tmp_path: Path, files: dict[str, str]) -> Place:
    return place(tmp_path, {"p/a.txt": "", "macros.bzl": MACROS, **files})


def test_a_macro_reaches_all_that_build_files_see(tmp_path: Path) -> None:
    made = workspace(tmp_path, {"p/BUILD": BUILD, "BUILD": ""})
    loaded = made.load("//p:all")
    assert [line.partition(": ")[2] for line in made.printed] == [
        'p @ [":a.txt"]',
        'None ["other", "x_all"] //p:x',
        'filegroup ["t"]',
        'p @ select({"//conditions:default": [":a.txt"]}) ["//p:x_friends"]',
    ]
    assert sorted(label.name for label in loaded.requested) == ["other", "x_all"]


def test_what_a_macro_hands_on_counts_as_given(tmp_path: Path) -> None:
    text = "def of(**kwargs):\n    native.filegroup(visibility = None, **kwargs)\n"
    made = place(
        tmp_path, {"m.bzl": text, "BUILD": 'load("//:m.bzl", "of")\nof(name = "x", srcs = [], tags = ["t"])\n'}
    )
    assert {"name", "srcs", "tags"} <= set(made.load("//:x").targets[Label("", "", "x")].spans)


def test_a_label_gives_others_of_its_package(tmp_path: Path) -> None:
    text = 'L = Label("//a:b")\nA = [str(L.relative(":c")), str(L.relative("//d"))]\n'
    text += 'X = A + [str(L.same_package_label("e")), L.repo_name]\n'
    found = place(tmp_path, {"m.bzl": text}).loader().module(Label("", "", "m.bzl"))["X"]
    assert found.items == ["//a:c", "//d:d", "//a:e", ""]  # type: ignore[attr-defined]


def test_native_knows_every_standard_rule_and_function(tmp_path: Path) -> None:
    made = workspace(tmp_path, {"macros.bzl": "NAMES = dir(native)\ngenrule = native.genrule\n"})
    loader = made.loader()
    names = loader.module(Label("", "", "macros.bzl"))["NAMES"].items  # type: ignore[attr-defined]
    standard = {name for name in loader.module(PRELUDE) if not name.startswith("_")}
    functions = {"glob", "alias", "config_setting", "licenses", "package_group", "test_suite", "existing_rules"}
    assert standard | functions <= set(names)


def test_every_standard_rule_can_be_loaded_by_name(tmp_path: Path) -> None:
    loader = place(tmp_path, {}).loader()
    prelude = loader.module(PRELUDE)
    files = {
        path.name: loader.module(Label("mbuild", "rules", path.name)) for path in loader.workspace.rules.glob("*.bzl")
    }
    loads = [
        f'load("@mbuild//rules:{file}", "{name}")'
        for file, module in sorted(files.items())
        for name, value in module.items()
        if file != "prelude.bzl" and value is prelude.get(name)
    ]
    assert len(loads) == len([name for name in prelude if not name.startswith("_")])
    Place(tmp_path).write({"BUILD": "\n".join(loads) + "\n"}).load("//...")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("native.filegrup(name = 'x')", "native has no .filegrup field or method (did you mean .filegroup?)"),
        ("native.glob(['*'])", "'glob' can be called only while a BUILD file is loaded"),
        ("native.existing_rules()", "'existing_rules' can be called only while a BUILD file is loaded"),
        ("native.package_name()", "'package_name' can be called only while a BUILD file is loaded"),
        ("native.filegroup(name = 'x')", "rule 'filegroup' can be called only while a BUILD file is loaded"),
    ],
)
def test_a_macro_runs_only_for_a_build_file(tmp_path: Path, text: str, message: str) -> None:
    made = place(tmp_path, {"macros.bzl": f"x = {text}\n", "BUILD": 'load("//:macros.bzl", "x")\n'})
    assert made.told("//...").splitlines()[0].partition(": error: ")[2] == message


OWN = '[workspace]\nprelude = "//build:prelude.bzl"\n'
PRELUDE_TEXT = """
def filegroup(name):
    native.genrule(name = name, outs = [name + ".txt"], cmd = "true", host_tools = True)

TEAM = "risk"
_hidden = 3
"""


def test_a_workspace_has_a_prelude_of_its_own(tmp_path: Path) -> None:
    files = {"mbuild.toml": OWN, "build/prelude.bzl": PRELUDE_TEXT, "p/BUILD": 'filegroup(name = "x")\nprint(TEAM)\n'}
    made = Place(tmp_path).write(files)
    loader = made.loader()
    package = loader.package("p")
    assert package.targets["x"].rule == "genrule"
    assert made.printed == ["p/BUILD:2:1: risk"]
    assert package.loads == (Label("", "build", "prelude.bzl"),)


@pytest.mark.parametrize(
    ("toml", "files", "message"),
    [
        (
            OWN,
            {},
            "error: cannot load '//build:prelude.bzl': the file 'build/prelude.bzl' does not exist\n"
            "  it is the workspace's prelude, as mbuild.toml says",
        ),
        (
            OWN,
            {"build/prelude.bzl": "x = y\n"},
            "build/prelude.bzl:1:5: error: name 'y' is not defined\n    x = y\n        ^",
        ),
        (OWN, {"build/prelude.bzl": "_x = 1\n", "BUILD": "print(_x)\n"}, None),
        (
            '[workspace]\nprelude = "build/prelude.bzl"\n',
            {},
            "mbuild.toml:2:1: error: 'prelude' in [workspace] must be the label of a .bzl file, "
            "found 'build/prelude.bzl'",
        ),
    ],
)
def test_a_wrong_prelude_is_told(tmp_path: Path, toml: str, files: dict[str, str], message: str | None) -> None:
    made = Place(tmp_path).write({"BUILD": "", "mbuild.toml": toml, **files})
    assert made.told("//...").startswith(message or "BUILD:1:7: error: name '_x' is not defined")


def test_the_build_file_that_bazel_does_not_read_wins(tmp_path: Path) -> None:
    one, two = (f'filegroup(name = "{name}", srcs = [])\n' for name in ("mine", "bazels"))
    made = place(tmp_path, {"p/BUILD.mbuild": one, "p/BUILD": two})
    assert made.expand("//p:all") == ["//p:mine"]
