"""Command lines: what they mean, where what they print goes, and how they end."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from invocations import MBUILD, Place, Ran, in_process

from buildkit import __version__
from buildkit.cli.main import COMMANDS

P = """
filegroup(name = "x", srcs = ["a.txt"])
filegroup(name = "y", srcs = ["a.txt", "b.txt"])
"""
Q = """
filegroup(name = "z", srcs = ["c.txt"])
genrule(name = "fails", outs = ["fails.txt"], cmd = "exit 7", host_tools = True)
genrule(name = "after", srcs = [":fails"], outs = ["after.txt"], cmd = "cp $(SRCS) $@", host_tools = True)
genrule(name = "works", outs = ["works.txt"], cmd = "echo works > $@", host_tools = True)
"""


def digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Place:
    place = Place(tmp_path / "workspace", cache)
    place.write({"mbuild.toml": "", "p/BUILD": P, "p/a.txt": "a", "p/b.txt": "b", "p/q/BUILD": Q, "p/q/c.txt": "c"})
    return place


X, Z = f"//p:x {digest('a')}\n", f"//p/q:z {digest('c')}\n"
WORKS = f"//p/q:works {digest('works' + chr(10))}\n"


# What is meant


def test_a_label_alone_is_a_build(place: Place) -> None:
    assert place.mbuild("//p:x").stdout == place.mbuild("build", "//p:x").stdout == X
    assert place.mbuild("p:x").stdout == X


def test_results_come_in_the_order_of_labels_each_once(place: Place) -> None:
    assert place.mbuild("//p/q:z", "//p:x", "//p/q:z").stdout == X + Z


def test_labels_without_a_package_are_meant_from_where_the_user_stands(place: Place) -> None:
    words = ["--cache-dir", str(place.cache), "-C", str(place.root / "p" / "q")]
    assert in_process(*words, ":z").stdout == Z
    assert in_process(*words, "query", ":z").stdout == "//p/q:z\n"
    assert in_process(*words, "query", "deps(:z)").stdout == "//p/q:c.txt\n//p/q:z\n"
    place.write({"p/BUILD": 'filegroup(name = "z", srcs = ["b.txt"])'})
    words[-1] = str(place.root / "p")
    assert in_process(*words, ":z").stdout == f"//p:z {digest('b')}\n"
    assert in_process(*words, "...", "-//p/q/...").stdout == f"//p:z {digest('b')}\n"


def test_a_pattern_with_a_minus_takes_targets_away(place: Place) -> None:
    assert place.mbuild("//p:all", "-//p:y").stdout == X
    assert place.mbuild("//...", "-//p:y", "-//p/q:fails", "-//p/q:after").stdout == X + WORKS + Z
    assert place.mbuild("-C", str(place.root / "p"), ":all", "-:y").stdout == X


def test_a_package_that_is_left_out_need_not_be_readable(place: Place) -> None:
    place.write({"p/q/BUILD": "oops("})
    assert place.mbuild("//...", "-//p/q/...", "-//p:y").stdout == X
    assert place.mbuild("//...", "-//p:y").code == 2


def test_options_may_stand_anywhere(place: Place) -> None:
    assert in_process("build", "//p:x", *place.words()).stdout == X


def test_query_prints_labels(place: Place) -> None:
    assert place.mbuild("query", "//p:all").stdout == "//p:x\n//p:y\n"
    assert place.mbuild("query", "deps(//p:y)").stdout == "//p:a.txt\n//p:b.txt\n//p:y\n"
    assert json.loads(place.mbuild("query", "--json", "//p:x").stdout)["label"] == "//p:x"
    assert place.mbuild("query", "//p:all", "-//p:x").stdout == "//p:y\n"


def test_a_cache_that_cannot_keep_what_was_loaded_is_told_once_and_makes_nothing_fail(place: Place) -> None:
    place.write({"file": ""})
    ran = Place(place.root, place.root / "file").mbuild("query", "//p:all")
    assert (ran.code, ran.stdout) == (0, "//p:x\n//p:y\n")
    assert ran.stderr == (
        f"warning: cannot write the folder 'parsed' below '{place.root / 'file'}': file exists; "
        "BUILD files are read anew each time\n"
    )


# Where the store is


def test_the_command_line_wins_over_the_environment_and_that_over_the_configuration(place: Place) -> None:
    place.write({"mbuild.toml": '[cache]\ndir = "store-of-the-workspace"\n'})
    line, variable, configured = (place.root / name for name in ("line", "variable", "store-of-the-workspace"))

    def started(*argv: str, **environment: str) -> None:
        words = [*MBUILD, "-C", str(place.root), *argv, "//p:x"]
        subprocess.run(words, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", **environment})

    started("--cache-dir", str(line), MBUILD_CACHE=str(variable))
    assert [folder.exists() for folder in (line, variable, configured)] == [True, False, False]
    started(MBUILD_CACHE=str(variable))
    assert [folder.exists() for folder in (line, variable, configured)] == [True, True, False]
    started()
    assert [folder.exists() for folder in (line, variable, configured)] == [True, True, True]


# What is printed, and where


def test_stdout_has_results_only_and_stderr_the_rest(place: Place) -> None:
    place.write({"p/q/works.txt": "not the output"})
    ran = place.mbuild("//p/q:works")
    assert (ran.code, ran.stdout) == (0, WORKS)
    *_, summary = ran.stderr.splitlines()
    assert summary.startswith("  ✓ 1 package · 1 target · 1 action (")


def test_what_a_file_prints_goes_to_stderr(place: Place) -> None:
    place.write({"p/BUILD": P + 'print("hello")\n'})
    ran = place.mbuild("//p:x")
    assert (ran.stdout, ran.told) == (X, "p/BUILD:4:1: hello")


def test_json_is_an_object_a_target_the_failed_ones_too(place: Place) -> None:
    ran = place.mbuild("--json", "--keep-going", "//p/q:fails", "//p/q:after", "//p:y")
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [
        {
            "label": "//p:y",
            "ok": True,
            "digest": place.mbuild("//p:y").stdout.split()[1],
            "outputs": ["p/a.txt", "p/b.txt"],
        },
        {"label": "//p/q:after", "ok": False, "digest": None, "outputs": []},
        {"label": "//p/q:fails", "ok": False, "digest": None, "outputs": []},
    ]


def test_keep_going_builds_what_does_not_depend_on_a_failure(place: Place) -> None:
    ran = place.mbuild("--keep-going", "--jobs", "1", "//p/q:after", "//p/q:works")
    assert (ran.code, ran.stdout) == (1, WORKS)
    assert ran.told.splitlines()[0] == "error: //p/q:fails: genrule failed: exit code 7"
    assert "(0 run, 1 cached, 1 failed, 1 skipped)" in ran.stderr or "(1 run, 0 cached, 1 failed" in ran.stderr


def test_a_pipe_that_is_closed_is_no_error(place: Place) -> None:
    words = " ".join(f"'{word}'" for word in [*MBUILD, *place.words("query", "//...")])
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} | true"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_no_color_and_a_plain_terminal_get_no_escapes(place: Place) -> None:
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm"}
    colored = on_terminal(place, environment)
    assert "\x1b[32m" in colored
    assert "\x1b[32m" not in on_terminal(place, {**environment, "NO_COLOR": "1"})
    assert "\x1b" not in on_terminal(place, {**environment, "TERM": "dumb"})


def on_terminal(place: Place, environment: dict[str, str]) -> str:
    """What a terminal gets to see of a build."""
    terminal, end = pty.openpty()
    words = [*MBUILD, *place.words("//p:x")]
    with subprocess.Popen(words, env=environment, stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        chunks: list[bytes] = []
        with suppress(OSError):  # which says that nobody writes any more
            while chunk := os.read(terminal, 65536):
                chunks.append(chunk)
        os.close(terminal)
    assert process.returncode == 0
    return b"".join(chunks).decode()


# How it ends


ENDINGS = {
    "help": (["--help"], 0),
    "nothing": ([], 0),
    "success": (["//p:x"], 0),
    "a failed action": (["//p/q:fails"], 1),
    "an unknown target": (["//p:w"], 2),
    "an unknown option": (["--colour", "//p:x"], 2),
    "no tests": (["test", "//p:x"], 4),
    "a store that cannot be written": (["--cache-dir", "/proc/store", "//p:x"], 36),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_exit_code_says_how_it_ended(place: Place, ending: str) -> None:
    argv, code = ENDINGS[ending]
    assert in_process("-C", str(place.root), "--cache-dir", str(place.cache), *argv).code == code


REFUSED = {
    "an unknown command": (
        ["buld", "//p:x"],
        "error: unknown command 'buld'\nhint: did you mean 'build'?\n",
    ),
    "a word that is no command": (
        ["x"],
        "error: unknown command 'x'\nhint: a target is written ':x'; see 'mbuild --help'\n",
    ),
    "two commands": (
        ["build", "test", "//p:x"],
        "error: 'test' is no target\nhint: write 'mbuild test …', without 'build'\n",
    ),
    "no target": (
        ["build"],
        "error: no target named\nhint: name one, such as //models:fraud, or //... for all\n",
    ),
    "a package that is not there": (
        ["//r/..."],
        "error: no package at or below '//r'\nhint: packages are folders with a BUILD file\n",
    ),
    "an unknown option": (
        ["//p:x", "--colour"],
        "error: unknown option '--colour'\nhint: see 'mbuild build --help'\n",
    ),
    "a minus where none is understood": (
        ["version", "-//p:x"],
        "error: unknown option '-//p:x'\nhint: see 'mbuild version --help'\n",
    ),
    "no jobs": (
        ["--jobs", "0", "//p:x"],
        "error: '--jobs' must be a number from 1, found '0'\nhint: see 'mbuild --help'\n",
    ),
    "an unknown sandbox": (
        ["--sandbox", "docker", "//p:x"],
        "error: '--sandbox' must be one of 'auto', 'bubblewrap', 'namespaces', 'none', found 'docker'\n"
        "hint: see 'mbuild --help'\n",
    ),
    "a folder that is not there": (["-C", "/nowhere", "//p:x"], "error: '-C' must name a folder, found '/nowhere'\n"),
    "an unknown output": (
        ["//p:x", "--output", "tar:x"],
        "error: cannot read the output 'tar:x'\nhint: use oci:DIR[:TAG], oci-archive:FILE[:TAG], "
        "docker-archive:FILE[:NAME:TAG] or rootfs:DIR: an OCI layout, one as a tar, an archive for docker load, "
        "a plain root file system\n",
    ),
    "a query that cannot be read": (
        ["query", "deps(//p:x"],
        "<expression>:1:5: error: '(' is never closed\n    deps(//p:x\n        ^\n",
    ),
    "a push of no image": (
        ["push", "//p:x", "127.0.0.1:1/a:b"],
        "error: '//p:x' is not an image\nhint: push an image of any rule, or an image_push\n",
    ),
    "a push to no reference": (
        ["push", "//p:x", "Good:1"],
        "error: invalid image reference 'Good:1': it must begin with a registry's host\n"
        "hint: references look like 'host/repository:tag'\n",
    ),
    "a push to a reference that is empty": (
        ["push", "//p:x", ""],
        "error: invalid image reference '': it must begin with a registry's host\n"
        "hint: references look like 'host/repository:tag'\n",
    ),
    "a run of no image": (
        ["run", "//p:x"],
        "error: '//p:x' cannot be run\nhint: run a model_image, or a target of an executable rule\n",
    ),
    "an input that is not there": (
        ["predict", "//p:x", "--input", "no.json"],
        "error: cannot read the input 'no.json': no such file or directory\n",
    ),
    "a predict without input": (
        ["predict", "//p:x"],
        "error: missing argument '--input'\nhint: see 'mbuild predict --help'\n",
    ),
    "a push without the network": (
        ["--offline", "push", "//p:x", "127.0.0.1:1/a:b"],
        "error: pushing needs the network, and --offline forbids it\nhint: leave out --offline\n",
    ),
    "a lock without the network": (
        ["lock", "--offline", "//p:x"],
        "error: locking needs the network, and --offline forbids it\nhint: leave out --offline\n",
    ),
    "nothing to lock": (
        ["lock", "//p:x"],
        "error: nothing to lock among //p:x\nhint: python_packages, debian_packages and base_image have locks\n",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_on_the_command_line_is_told(place: Place, mistake: str) -> None:
    argv, message = REFUSED[mistake]
    assert place.mbuild(*argv) == Ran(2, "", message)


def test_no_tests_is_told(place: Place) -> None:
    assert place.mbuild("test", "//p:x", "//p:y") == Ran(
        4, "", "error: no tests among //p:x //p:y\nhint: tests are declared with model_test\n"
    )


TESTS = """
def _check(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".report")
    command = ["/bin/sh", "-euc", ctx.attr.cmd + "; echo ok > out/" + report.path]
    ctx.actions.run(outputs = [report], inputs = ctx.files.srcs, command = command, root = "host", mnemonic = "check")
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

check_test = rule(
    implementation = _check,
    test = True,
    attrs = {"cmd": attr.string(default = "true"), "srcs": attr.label_list(allow_files = True)},
)
"""
CHECKS = """
load(":check.bzl", "check_test")
check_test(name = "a_fails", cmd = "exit 5")
check_test(name = "b_needs_what_fails", srcs = ["//p/q:fails"])
check_test(name = "c_fails_too", cmd = "exit 6")
check_test(name = "d_passes")
"""


def test_a_failed_test_does_not_keep_others_from_running(place: Place) -> None:
    place.write({"t/check.bzl": TESTS, "t/BUILD": CHECKS})
    ran = place.mbuild("test", "--jobs", "1", "//t:all", "-//t:b_needs_what_fails")
    assert (ran.code, ran.stdout) == (3, "//t:a_fails FAILED\n//t:c_fails_too FAILED\n//t:d_passes passed\n")
    assert [line for line in ran.told.splitlines() if line.startswith("error")] == [
        "error: //t:a_fails: check failed: exit code 5",
        "error: //t:c_fails_too: check failed: exit code 6",
    ]


def test_a_test_whose_inputs_are_not_built_did_not_run(place: Place) -> None:
    place.write({"p/q/BUILD": 'package(default_visibility = ["//visibility:public"])\n' + Q})
    place.write({"t/check.bzl": TESTS, "t/BUILD": CHECKS})
    ran = place.mbuild("test", "--keep-going", "//t:all", "-//t:c_fails_too")
    assert (ran.code, ran.stdout) == (1, "//t:a_fails FAILED\n//t:b_needs_what_fails not run\n//t:d_passes passed\n")
    assert ran.told.splitlines()[0] == "error: //p/q:fails: genrule failed: exit code 7"
    rows = [json.loads(line) for line in place.mbuild("test", "--json", "--keep-going", "//t:all").stdout.splitlines()]
    assert [(row["label"], row["passed"], row["ran"]) for row in rows] == [
        ("//t:a_fails", False, True),
        ("//t:b_needs_what_fails", False, False),
        ("//t:c_fails_too", False, True),
        ("//t:d_passes", True, True),
    ]


# Help and version


def test_help_names_every_command_and_every_common_option() -> None:
    ran = in_process("--help")
    assert ran == in_process("help") == in_process("-h") == in_process()
    assert [line.split()[0] for line in ran.stdout.splitlines()[3 : 3 + len(COMMANDS)]] == list(COMMANDS)
    for option in ("-C", "--jobs", "--keep-going", "--offline", "--cache-dir", "MBUILD_CACHE", "--sandbox", "--json"):
        assert option in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_of_its_own(command: str) -> None:
    ran = subprocess.run([*MBUILD, command, "--help"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"usage: mbuild {command}")


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_printed_anywhere(word: str, tmp_path: Path) -> None:
    assert in_process("-C", str(tmp_path), word) == Ran(0, f"mbuild {__version__}\n", "")
    assert json.loads(in_process(word, "--json").stdout) == {"version": __version__}


PROGRAM = """
def _program(ctx):
    file = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(file, ctx.attr.text, is_executable = True)
    return [DefaultInfo(executable = file, runfiles = ctx.runfiles(files = ctx.files.data))]

program = rule(
    implementation = _program,
    executable = True,
    attrs = {"text": attr.string(), "data": attr.label_list(allow_files = True)},
)
"""


def test_what_an_executable_rule_makes_is_run_with_its_runfiles(place: Place) -> None:
    script = '#!/bin/sh\\nread line < "$RUNFILES_DIR/t/data.txt"; echo "$line $1" > told.txt; exit "$2"\\n'
    build = f'load(":program.bzl", "program")\nprogram(name = "tell", text = """{script}""", data = ["data.txt"])\n'
    place.write({"t/program.bzl": PROGRAM, "t/BUILD": build, "t/data.txt": "hello\n"})
    assert place.mbuild("run", "//t:tell", "--", "--world", "0").code == 0
    assert (place.root / "told.txt").read_text() == "hello --world\n"
    ran = place.mbuild("run", "//t:tell", "--", "x", "7")
    assert (ran.code, ran.told.splitlines()[-1]) == (1, "error: '//t:tell' ended with exit code 7")


def test_a_suite_is_tested_by_its_tests_and_manual_ones_only_by_name(place: Place) -> None:
    build = 'load(":check.bzl", "check_test")\ncheck_test(name = "one_test")\n'
    build += 'check_test(name = "two_test", tags = ["manual"])\n'
    build += 'test_suite(name = "named", tests = [":two_test"], tags = ["manual"])\ntest_suite(name = "every")\n'
    place.write({"t/check.bzl": TESTS, "t/BUILD": build})
    assert place.mbuild("test", "//t/...").stdout == "//t:one_test passed\n"
    assert place.mbuild("test", "//t:every").stdout == "//t:one_test passed\n"
    assert place.mbuild("test", "//t:named").stdout == "//t:two_test passed\n"


def test_a_deprecated_target_is_told_each_time(place: Place) -> None:
    old = 'filegroup(name = "old", srcs = [], deprecation = "use //t:new", visibility = ["//visibility:public"])\n'
    place.write({"t/BUILD": old, "u/BUILD": 'filegroup(name = "x", srcs = ["//t:old"])\n'})
    for _ in range(2):
        ran = place.mbuild("//u:x")
        assert ran.code == 0
        assert "warning: target '//t:old' is deprecated: use //t:new (needed by '//u:x', u/BUILD:1:23)" in ran.told
