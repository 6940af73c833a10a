"""`ctx.actions.args()`, `run` with an executable, `run_shell`, `expand_template`, `symlink`: what they come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_fakes import LOAD, Place, one_rule, place

from buildkit.graph.action import Action

BEGIN = """a = ctx.actions
    out = a.declare_file("out.txt")
    src = ctx.files.srcs[0]
    args = a.args()
    """


def workspace(tmp_path: Path, body: str) -> Place:
    files = one_rule('{"srcs": attr.label_list(allow_files = True)}', BEGIN + body.replace("\n", "\n    "))
    return place(tmp_path, files | {"p/BUILD": LOAD + 'thing(name = "x", srcs = ["a.txt"])\n', "p/a.txt": ""})


def action(tmp_path: Path, body: str) -> Action:
    return workspace(tmp_path, body).analyze("//p:x").actions.actions[-1]


def words(tmp_path: Path, adding: str) -> list[str]:
    """The words of a command after its program."""
    return list(
        action(
            tmp_path, adding + '\na.run(outputs = [out], executable = "/bin/x", arguments = [args], root = "host")'
        ).command[1:]
    )


@pytest.mark.parametrize(
    ("adding", "expected"),
    [
        ('args.add("a")', ["a"]),
        ('args.add("--a", 3)', ["--a", "3"]),
        ('args.add("--in", src)', ["--in", "p/a.txt"]),
        ('args.add(out, format = "--out=%s")', ["--out=out/p/out.txt"]),
        ('args.add(Label("//q:r")).add("b")', ["//q:r", "b"]),
        ('args.add_all(["a", "b"])', ["a", "b"]),
        ('args.add_all("--x", depset(["a"], transitive = [depset(["b"])]))', ["--x", "b", "a"]),
        ('args.add_all("--x", [])', []),
        ('args.add_all("--x", [], omit_if_empty = False, terminate_with = "--")', ["--x", "--"]),
        ('args.add_all([1, 2], before_each = "-n", format_each = "<%s>")', ["-n", "<1>", "-n", "<2>"]),
        ('args.add_all(["a", "b", "a"], uniquify = True)', ["a", "b"]),
        ('args.add_joined("--x", [1, 2], join_with = ",")', ["--x", "1,2"]),
        (
            'args.add_joined(depset(["a"]), join_with = ":", format_each = "[%s]", format_joined = "100%%=%s")',
            ["100%=[a]"],
        ),
        ('args.add_joined("--x", [], join_with = ",", omit_if_empty = False)', ["--x", ""]),
    ],
)
def test_args_are_the_words_that_bazel_makes_of_them(tmp_path: Path, adding: str, expected: list[str]) -> None:
    assert words(tmp_path, adding or 'args.add("x")') == expected


def test_a_function_makes_words_of_each_value(tmp_path: Path) -> None:
    files = workspace(
        tmp_path,
        "args.add_all([src, out], map_each = _each)\na.run(outputs = [out], inputs = depset([src]), executable = src, "
        'arguments = ["-v", args], root = "host", env = {"A": "b"}, progress_message = "Doing it")',
    )
    made = files.root / "defs.bzl"
    made.write_text(
        "def _each(file):\n    return [file.basename, file.extension] if file.is_source else None\n\n"
        + made.read_text()
    )
    found = files.analyze("//p:x").actions.actions[0]
    assert found.command == ("p/a.txt", "-v", "a.txt", "txt")
    assert [file.path for file in found.inputs] == ["p/a.txt"]
    assert found.environment == (("A", "b"),)


def test_a_file_among_the_words_is_an_input(tmp_path: Path) -> None:
    found = action(tmp_path, 'args.add_all([src])\na.run(outputs = [out], command = ["cat", args], root = "host")')
    assert [file.path for file in found.inputs] == ["p/a.txt"]


def test_a_program_of_the_top_folder_is_not_looked_for_in_the_path(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'a.run(outputs = [out], executable = src, arguments = ["a.txt"], root = "host")')
    made.write({"a.txt": "", "BUILD": LOAD + 'thing(name = "x", srcs = ["a.txt"])\n'})
    assert made.analyze("//:x").actions.actions[0].command == ("./a.txt", "a.txt")


def test_a_line_for_the_shell_gets_its_arguments(tmp_path: Path) -> None:
    body = (
        'a.run_shell(outputs = [out], command = "cp $1 $2", arguments = [src, out], root = "host", mnemonic = "Copy")'
    )
    found = action(tmp_path, body)
    assert found.command == ("/bin/sh", "-c", "cp $1 $2", "sh", "p/a.txt", "out/p/out.txt")
    assert found.mnemonic == "Copy"


def test_a_template_and_a_link_are_actions_of_tools(tmp_path: Path) -> None:
    body = 'a.expand_template(template = src, output = out, substitutions = {"{b}": "c", "{a}": "b"})'
    found = action(tmp_path, body)
    assert (found.tool, found.arguments["substitutions"]) == ("expand_template", (("{b}", "c"), ("{a}", "b")))
    assert [file.path for file in found.inputs] == ["p/a.txt"]
    found = action(tmp_path, "a.symlink(output = out, target_file = src)")
    assert (found.tool, [file.path for file in found.inputs]) == ("symlink", ["p/a.txt"])


def test_args_can_be_written_to_a_file(tmp_path: Path) -> None:
    assert action(tmp_path, 'args.add("--a", src)\na.write(out, args)').arguments["content"] == "--a\np/a.txt\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('args.add(["a"])', "'add' takes one value, found a list"),
        ("args.add(None)", "a word of a command must be a string, an int, a File or a Label, found None"),
        ('args.add(1, "a")', "the name of an argument must be a string, found an int"),
        ('args.add("a", format = "a")', "'format' must be a string with one '%s', found \"a\""),
        ('args.add_all("a")', "'add_all' takes a list or a depset, found a string"),
        ('args.add_all(["a"], map_each = "a")', "'map_each' must be a function, found a string"),
        ('args.add_joined(["a"], join_with = 1)', "'join_with' must be a string, found an int"),
        (
            'a.run(outputs = [out], root = "host")',
            "give either 'command', a list of words, or 'executable' and 'arguments'",
        ),
        (
            'a.run(outputs = [out], root = "host", command = ["a"], arguments = ["b"])',
            "'arguments' belong to an 'executable'",
        ),
        (
            'a.run(outputs = [out], root = "host", command = ["a"], env = {}, environment = {})',
            "'env' is another name of 'environment': give one of them",
        ),
        (
            'a.run_shell(outputs = [out], root = "host", command = ["a"])',
            "'command' must be a string, found a list",
        ),
        (
            'a.expand_template(template = src, output = out, substitutions = {"a": 1})',
            "'substitutions' must be a dict of strings to strings, found a dict with 1",
        ),
        (
            "a.symlink(output = out, target_file = 3)",
            "parameter 'target' of tool 'symlink' must be a File, found an int",
        ),
        (
            'args.add_all([struct(a = 1)])\na.run(outputs = [out], root = "host", command = [args])',
            "a word of a command must be a string, an int, a File or a Label, found struct(a = 1)",
        ),
    ],
)
def test_wrong_use_is_told_where_it_stands(tmp_path: Path, body: str, message: str) -> None:
    first = workspace(tmp_path, body).told("//p:x").splitlines()[0]
    assert first.startswith("defs.bzl:6:")
    assert first.partition(": error: ")[2] == message
