"""cquery and aquery: the graph of a configuration, its actions and their keys."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from invocations import Place, Ran

from buildkit.digest import Key
from buildkit.store import DiskActionCache

BUILD = """\
config_setting(name = "fast", define_values = {"speed": "fast"})
filegroup(name = "x", srcs = select({":fast": ["f.txt"], "//conditions:default": ["s.txt", ":one"]}))
genrule(name = "one", srcs = ["s.txt"], outs = ["one.txt"], cmd = "cat $(SRCS) > $@", host_tools = True)
genrule(name = "two", srcs = [":one"], outs = ["two.txt"], cmd = "cat $(SRCS) > $@; echo >> $@", host_tools = True)
"""


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("cquery")
    found = Place(folder / "workspace", folder / "store")
    found.write({"mbuild.toml": "", "a/BUILD": BUILD, "a/f.txt": "f", "a/s.txt": "s"})
    return found


def test_selects_are_resolved_and_labels_have_their_configuration(place: Place) -> None:
    assert place.mbuild("cquery", "deps(//a:x, 1)") == Ran(
        0, "//a:fast (default)\n//a:one (default)\n//a:s.txt (null)\n//a:x (default)\n", ""
    )
    declared = "//a:f.txt\n//a:fast\n//a:one\n//a:s.txt\n//a:x\n"
    assert place.mbuild("query", "deps(//a:x, 1)").stdout == declared


def test_config_keeps_the_targets_of_a_configuration(place: Place) -> None:
    assert place.mbuild("cquery", "config(deps(//a:x, 1), null)").stdout == "//a:s.txt (null)\n"
    assert (
        place.mbuild("cquery", "config(deps(//a:x, 1), target) - //a:fast").stdout
        == "//a:one (default)\n//a:x (default)\n"
    )
    assert place.mbuild("cquery", "config(//a:x, exec)") == Ran(
        2,
        "",
        "<expression>:1:15: error: no configuration 'exec' here\n"
        "    config(//a:x, exec)\n"
        "                  ^~~~\n"
        "hint: this graph has 'default' (or 'target'), and 'null' for source files\n",
    )


def test_files_and_json(place: Place) -> None:
    assert place.mbuild("cquery", "--output", "files", "//a:two + //a:x").stdout == "a/two.txt\na/s.txt\na/one.txt\n"
    row = json.loads(place.mbuild("cquery", "--output=jsonl", "//a:x").stdout)
    assert (row["configuration"], row["attributes"]["srcs"]) == ("default", ["//a:s.txt", "//a:one"])


def rows(place: Place, expression: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in place.mbuild("aquery", "--output", "jsonl", expression).stdout.splitlines()]


def test_the_key_of_an_action_is_shown_once_all_its_inputs_are_known(place: Place) -> None:
    one, two = rows(place, "deps(//a:two)")
    assert (two["key"], two["unknown_until"]) == (None, "//a:one")
    assert (one["mnemonic"], one["inputs"], one["outputs"]) == ("genrule", ["a/s.txt"], {"a/one.txt": "a/one.txt"})
    assert place.mbuild("build", "//a:two").code == 0
    cache = DiskActionCache(place.cache)
    later = rows(place, "deps(//a:two)")
    assert later[0] == one
    assert all(cache.get(Key(str(row["key"]))) for row in later)
    place.write({"a/s.txt": "other"})
    assert rows(place, "//a:one")[0]["key"] != one["key"]


def test_actions_are_filtered_by_mnemonic_inputs_and_outputs(place: Place) -> None:
    def owners(expression: str) -> list[object]:
        return [row["target"] for row in rows(place, expression)]

    assert owners('mnemonic("gen.*", deps(//a:two))') == ["//a:one", "//a:two"]
    assert owners("mnemonic(gen, deps(//a:two))") == []
    assert owners("inputs(a/one.txt, outputs('.*two.txt', deps(//a:two)))") == ["//a:two"]
    assert place.mbuild("aquery", "deps(inputs(a, //a:two))") == Ran(
        2,
        "",
        "<expression>:1:6: error: inputs() must stand outside of all other functions and operators\n"
        "    deps(inputs(a, //a:two))\n"
        "         ^~~~~~~~~~~~~~~~~~\n"
        "hint: write inputs(pattern, expression) around the whole expression\n",
    )


def test_an_action_is_shown_with_all_that_it_is(place: Place) -> None:
    ran = place.mbuild("aquery", "//a:two")
    lines = ran.stdout.splitlines()
    assert lines[:7] == [
        "action 'genrule a/two.txt'",
        "  Mnemonic: genrule",
        "  Target: //a:two",
        "  Configuration: default",
        "  Key: unknown until //a:one is built",
        "  Inputs: [a/one.txt]",
        "  Outputs: [a/two.txt]",
    ]
    assert "  Root: host" in lines
    assert place.mbuild("aquery", "deps(//a:two)", "--output=summary").stdout == (
        "2 actions of 2 targets, known keys: 1\nmnemonics:\n  genrule: 2\nkinds:\n  run: 2\n"
    )


def test_the_flags_decide_which_branches_hold(place: Place) -> None:
    ran = place.mbuild("--define", "speed=fast", "cquery", "deps(//a:x, 1)")
    lines = ran.stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["//a:f.txt", "//a:fast", "//a:x"]
    assert lines[0] == "//a:f.txt (null)"
    name = lines[2].partition(" ")[2].strip("()")
    assert len(name) == 7
    assert place.mbuild("--define=speed=fast", "cquery", f"config(//a:x, {name})").stdout == f"//a:x ({name})\n"


def test_code_says_what_to_print_of_each_target(place: Place) -> None:
    code = "target.label.name + ' ' + ' '.join([file.path for file in target.files.to_list()])"
    ran = place.mbuild("cquery", "//a:two + //a:x", "--output=starlark", f"--starlark:expr={code}")
    assert (ran.code, ran.stdout) == (0, "two a/two.txt\nx a/s.txt a/one.txt\n")
    ran = place.mbuild("cquery", "//a:two", "--output=starlark", "--starlark-expr=target.nam")
    assert ran == Ran(
        2, "", "<starlark>:1:8: error: struct has no .nam field or method\n    target.nam\n           ^~~\n"
    )


MODEL = """\
model(name = "m", framework = "sklearn", srcs = ["big.bin"])
model_volume(name = "v", models = [":m"])
"""


def test_a_large_source_is_not_read_for_a_key(place: Place) -> None:
    place.write({"b/BUILD": MODEL, "b/big.bin": ""})
    os.truncate(place.root / "b" / "big.bin", 1 << 40)  # sparse: reading it would take an hour
    lines = place.mbuild("aquery", "deps(//b:v)").stdout.splitlines()
    assert "  Key: unknown until 'b/big.bin' is read" in lines


def test_conditions_that_a_select_asked_are_needed_as_in_bazel(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    text = """\
config_setting(name = "one", define_values = {"a": "1"})
config_setting(name = "two", define_values = {"a": "2"})
alias(name = "other", actual = ":two")
filegroup(name = "none")
filegroup(name = "x", srcs = select({":one": ["BUILD"], ":other": ["f.txt"], "//conditions:default": [":none"]}))
"""
    place.write({"mbuild.toml": "", "a/BUILD": text, "a/f.txt": ""})
    asked = "//a:one (default)\n//a:other (default)\n//a:two (default)\n//a:x (default)\n"
    for words in ([], ["--noimplicit_deps"]):
        assert place.mbuild("cquery", "deps(//a:x)", *words) == Ran(0, f"//a:none (default)\n{asked}", "")
    assert place.mbuild("build", "//a:x").code == 0


def test_conditions_are_public_where_nothing_else_is_said(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    setting = 'config_setting(name = "one", define_values = {"a": "1"})\n'
    place.write(
        {
            "mbuild.toml": "",
            "a/BUILD": setting,
            "b/BUILD": 'package(default_visibility = ["//visibility:private"])\n' + setting,
            "x/BUILD": 'filegroup(name = "x", srcs = select({"//a:one": ["BUILD"]}))\n',
            "y/BUILD": 'filegroup(name = "y", srcs = select({"//b:one": ["BUILD"]}))\n',
        }
    )
    assert place.mbuild("--define=a=1", "build", "//x").code == 0
    assert place.mbuild("--define=a=1", "cquery", "//y").stderr == (
        "y/BUILD:1:23: error: '//b:one' is not visible to '//y:y'\n"
        '    filegroup(name = "y", srcs = select({"//b:one": ["BUILD"]}))\n'
        "                          ^~~~\n"
        "hint: add '//y:__pkg__' to its visibility\n"
    )


WRONG = {
    "str(": "<starlark>:1:4: error: '(' is never closed\n    str(\n       ^\n",
    "[\n  target.nam]": "<starlark>:2:10: error: struct has no .nam field or method\n    target.nam]\n           ^~~\n",
    "x = 1": "error: '--starlark-expr' must be one expression, found 'x = 1'\n",
    "": "error: '--starlark-expr' must be one expression, found ''\n",
}


@pytest.mark.parametrize(("code", "told"), WRONG.items())
def test_what_is_wrong_with_an_expression_is_told_at_its_place(place: Place, code: str, told: str) -> None:
    assert place.mbuild("cquery", "//a:two", "--output=starlark", f"--starlark-expr={code}") == Ran(2, "", told)


def test_an_expression_that_no_output_asks_for_is_an_error(place: Place) -> None:
    assert place.mbuild("cquery", "//a:two", "--starlark-expr=1") == Ran(
        2,
        "",
        "error: '--starlark-expr' needs '--output starlark'\nhint: it says nothing of '--output label'\n",
    )
