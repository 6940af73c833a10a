"""What `mbuild query` prints, in each format and order."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from invocations import MBUILD, Place, Ran

FILES = {
    "mbuild.toml": "",
    "a/BUILD": """\
filegroup(name = "x", srcs = [":y", "x.txt", "//b:z"], tags = ["one", "two"])
filegroup(name = "y", srcs = glob(["y*.txt"]), visibility = ["//b:__pkg__"])
filegroup(name = "w", srcs = [":" + "y"])
""",
    "a/x.txt": "",
    "a/y1.txt": "",
    "a/y2.txt": "",
    "b/BUILD": 'filegroup(name = "z", srcs = ["//a:y"])\n',
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("query")
    found = Place(folder / "workspace", folder / "store")
    found.write(FILES)
    return found


def lines(*found: str) -> str:
    return "".join(line + "\n" for line in found)


PRINTED = {
    ("//a:all",): lines("//a:w", "//a:x", "//a:y"),
    ("//a:all", "--output", "label_kind"): lines(
        "filegroup rule //a:w", "filegroup rule //a:x", "filegroup rule //a:y"
    ),
    ("deps(//a:x)", "--output=package"): lines("a", "b"),
    ("deps(//b:z)", "--output", "location"): lines(
        "a/BUILD:2:1: filegroup rule //a:y",
        "a/y1.txt:1:1: source file //a:y1.txt",
        "a/y2.txt:1:1: source file //a:y2.txt",
        "b/BUILD:1:1: filegroup rule //b:z",
    ),
    ("deps(//a:x)", "--order_output=full"): lines("//a:x", "//b:z", "//a:y", "//a:y2.txt", "//a:y1.txt", "//a:x.txt"),
    ("deps(//a:x)", "--order-output", "no"): lines("//a:x", "//a:y", "//a:x.txt", "//b:z", "//a:y1.txt", "//a:y2.txt"),
    ("somepath(//a:x, //a:y2.txt)",): lines("//a:x", "//a:y", "//a:y2.txt"),
    ("deps(//a:x)", "--output", "minrank"): lines(
        "0 //a:x", "1 //a:x.txt", "1 //a:y", "1 //b:z", "2 //a:y1.txt", "2 //a:y2.txt"
    ),
    ("deps(//a:x)", "--output", "maxrank"): lines(
        "0 //a:x", "1 //a:x.txt", "1 //b:z", "2 //a:y", "3 //a:y1.txt", "3 //a:y2.txt"
    ),
    ("//a:x + //a:y", "--output", "build"): """\
# a/BUILD:1:1
filegroup(
    name = "x",
    srcs = [
        "//a:y",
        "//a:x.txt",
        "//b:z",
    ],
    tags = [
        "one",
        "two",
    ],
)

# a/BUILD:2:1
filegroup(
    name = "y",
    srcs = [
        "//a:y1.txt",
        "//a:y2.txt",
    ],
    visibility = ["//b:__pkg__"],
)

""",
    ("deps(//a:x)", "--output", "graph"): """\
digraph mbuild {
  node [shape=box];
  "//a:x"
  "//a:x" -> "//a:x.txt"
  "//a:x" -> "//a:y"
  "//a:x" -> "//b:z"
  "//a:x.txt"
  "//a:y"
  "//a:y" -> "//a:y1.txt\\n//a:y2.txt"
  "//a:y1.txt\\n//a:y2.txt"
  "//b:z"
  "//b:z" -> "//a:y"
}
""",
    ("deps(//a:y)", "--output", "graph", "--nograph:factored"): """\
digraph mbuild {
  node [shape=box];
  "//a:y"
  "//a:y" -> "//a:y1.txt"
  "//a:y" -> "//a:y2.txt"
  "//a:y1.txt"
  "//a:y2.txt"
}
""",
}


@pytest.mark.parametrize("argv", PRINTED, ids=" ".join)
def test_a_format_prints(place: Place, argv: tuple[str, ...]) -> None:
    assert place.mbuild("query", *argv) == Ran(0, PRINTED[argv], "")


def test_json_tells_all_of_a_target(place: Place) -> None:
    ran = place.mbuild("query", "--output", "json", "//a:y + //a:x.txt")
    source, rule = json.loads(ran.stdout)
    assert source == {
        "label": "//a:x.txt",
        "kind": "source file",
        "location": {"path": "a/x.txt", "line": 1, "column": 1},
        "visibility": ["//visibility:public"],
    } | {"visibility": source["visibility"]}
    attributes = rule.pop("attributes")
    assert rule == {
        "label": "//a:y",
        "kind": "filegroup rule",
        "location": {"path": "a/BUILD", "line": 2, "column": 1},
        "rule": "filegroup",
        "visibility": ["//b:__pkg__"],
    }
    assert (attributes["name"], attributes["srcs"]) == ("y", ["//a:y1.txt", "//a:y2.txt"])
    rows = place.mbuild("query", "--output", "jsonl", "//a:y + //a:x.txt").stdout.splitlines()
    assert [json.loads(row) for row in rows] == json.loads(ran.stdout)
    assert json.loads(place.mbuild("query", "--output", "json", "set()").stdout) == []


SELECTING = """\
genrule(name = "g", outs = ["g.txt"], cmd = "true", host_tools = True)
config_setting(name = "fast", define_values = {"speed": "fast"})
package_group(name = "friends", packages = ["//a/..."])
filegroup(
    name = "s",
    srcs = ["one.txt"] + select({":fast": [], "//conditions:default": ["two.txt", ":g"]}),
    visibility = [":friends"],
)
"""


def test_selects_groups_and_made_files_are_shown_as_they_were_declared(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "a/BUILD": SELECTING, "a/one.txt": "", "a/two.txt": ""})
    assert (
        place.mbuild("query", "//a:s + //a:friends", "--output", "build").stdout
        == """\
# a/BUILD:4:1
filegroup(
    name = "s",
    srcs = ["//a:one.txt"] + select({
        "//a:fast": [],
        "//conditions:default": [
            "//a:two.txt",
            "//a:g",
        ],
    }),
    visibility = ["//a:friends"],
)

"""
    )
    made = place.mbuild("query", "//a:g.txt + //a:g", "--output", "build").stdout
    assert (made.count("genrule("), made.splitlines()[:3]) == (1, ["# a/BUILD:1:1", "genrule(", '    name = "g",'])
    group, rule = json.loads(place.mbuild("query", "//a:s + //a:friends", "--output", "json").stdout)
    assert (group["kind"], group["attributes"]["packages"]) == ("package group", ["//a/..."])
    assert rule["attributes"]["srcs"] == {
        "concatenated": [
            ["//a:one.txt"],
            {"select": {"//a:fast": [], "//conditions:default": ["//a:two.txt", "//a:g"]}},
        ]
    }
    assert rule["visibility"] == ["//a:friends"]


def test_an_empty_result_is_no_fault(place: Place) -> None:
    assert place.mbuild("query", "//a:x - //a:x") == Ran(0, "", "the result is empty\n")


def test_words_are_put_together_and_a_file_may_hold_the_expression(place: Place) -> None:
    expected = lines("//a:w", "//a:y")
    assert place.mbuild("query", "//a:all", "except", "//a:x").stdout == expected
    place.write({"q.txt": "let all = //a:all in\n  $all - //a:x\n"})
    assert place.mbuild("query", "--query-file", "q.txt").stdout == expected
    place.write({"q.txt": "let all = //a:all in\n  $al\n"})
    assert place.mbuild("query", "--query_file=q.txt") == Ran(
        2, "", "<expression>:2:3: error: unknown variable '$al'\n    $al\n    ^~~\nhint: did you mean 'all'?\n"
    )


REFUSED = {
    (): "error: nothing is asked\n"
    "hint: write an expression, such as 'deps(//models:fraud)', or name a file with --query-file\n",
    ("//a:x", "--query-file", "q"): "error: both an expression and --query-file\n"
    "hint: write an expression, such as 'deps(//models:fraud)', or name a file with --query-file\n",
    ("--query-file", "none"): "error: cannot read the query file 'none': no such file or directory\n",
}


@pytest.mark.parametrize("argv", REFUSED, ids=" ".join)
def test_a_wrong_use_is_told(place: Place, argv: tuple[str, ...]) -> None:
    assert place.mbuild("query", *argv) == Ran(2, "", REFUSED[argv])


def test_an_unknown_format_is_told_with_those_that_there_are(place: Place) -> None:
    ran = place.mbuild("query", "--output", "proto", "//a:x")
    assert (ran.code, ran.stdout) == (2, "")
    assert "'proto'" in ran.stderr
    assert "label_kind" in ran.stderr


def test_with_keep_going_faults_are_told_and_the_rest_printed(place: Place) -> None:
    other = Place(place.root.parent / "other", place.cache)
    other.write({**FILES, "c/BUILD": "nothing()\n"})
    ran = other.mbuild("query", "-k", "//...")
    assert (ran.code, ran.stdout) == (2, lines("//a:w", "//a:x", "//a:y", "//b:z"))
    assert ran.stderr.startswith("c/BUILD:1:1: error: name 'nothing' is not defined\n")


@pytest.mark.may_skip
def test_dot_takes_the_graph(place: Place) -> None:
    if not shutil.which("dot"):
        pytest.skip("there is no dot")
    graph = place.mbuild("query", "deps(//a:x)", "--output", "graph").stdout
    drawn = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True, check=True)
    assert (drawn.stderr, drawn.stdout.count('class="node"')) == ("", 5)


def test_attributes_that_nobody_wrote_match_as_in_bazel(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    text = """\
config_setting(name = "setting", define_values = {"a": "1"})
filegroup(name = "none")
filegroup(name = "some", deprecation = "use :none", tags = ["manual"])
filegroup(name = "empty", deprecation = "")
"""
    place.write({"mbuild.toml": "", "a/BUILD": text})
    assert place.mbuild("query", 'attr(deprecation, "", //a:all)').stdout == lines("//a:empty", "//a:some")
    assert place.mbuild("query", "attr(tags, manual, //a:all)").stdout == lines("//a:setting", "//a:some")


def test_a_suite_without_tests_needs_those_of_its_package_even_without_implicit_ones(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    rule = "def _run(ctx):\n    return []\ncheck_test = rule(implementation = _run, test = True)\n"
    text = 'load(":d.bzl", "check_test")\ncheck_test(name = "one_test")\ntest_suite(name = "suite")\n'
    place.write({"mbuild.toml": "", "a/BUILD": text, "a/d.bzl": rule})
    for words in ([], ["--noimplicit_deps"]):
        assert place.mbuild("query", "deps(//a:suite)", *words).stdout == lines("//a:one_test", "//a:suite")


def test_a_file_written_as_a_package_is_told_its_label(place: Place) -> None:
    other = Place(place.root.parent / "written", place.cache)
    other.write({"mbuild.toml": "", "a/BUILD": "", "a/b/c.txt": ""})
    assert other.mbuild("query", "//a/b/c.txt").stderr == (
        "<expression>:1:1: error: no package '//a/b/c.txt': there is no 'a/b/c.txt/BUILD.mbuild' or 'a/b/c.txt/BUILD'\n"
        "    //a/b/c.txt\n"
        "    ^~~~~~~~~~~\n"
        "hint: it is a file: write '//a:b/c.txt'\n"
    )


def test_help_names_a_command(place: Place) -> None:
    for words in (("help", "query"), ("query", "--help")):
        ran = subprocess.run([*MBUILD, *words], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout[:19], ran.stderr) == (0, "usage: mbuild query", "")
    assert place.mbuild("help", "qury").stderr == "error: unknown command 'qury'\nhint: did you mean 'query'?\n"
