"""`mbuild eval`: one program by itself, without a workspace."""

from __future__ import annotations

import subprocess
from pathlib import Path

from invocations import MBUILD


def evaluated(folder: Path, *words: str, text: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [*MBUILD, "eval", *words], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_what_a_program_prints_goes_to_stderr(tmp_path: Path) -> None:
    (tmp_path / "a.bzl").write_text('print("one", struct(x = 1))\nprint(json.encode([1]))\n')
    assert evaluated(tmp_path, "a.bzl") == (0, "", "a.bzl:1:1: one struct(x = 1)\na.bzl:2:1: [1]\n")


def test_a_program_loads_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "b.bzl").write_text("def double(x): return x * 2\n")
    (tmp_path / "lib" / "a.bzl").write_text(
        'load(":b.bzl", "double")\nload("b.bzl", again = "double")\nprint(again(double(1)))\n'
    )
    assert evaluated(tmp_path, "lib/a.bzl") == (0, "", "lib/a.bzl:3:1: 4\n")


def test_a_mistake_is_shown_in_its_line_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text("def f(x):\n    return 1 // x\n\nf(0)\n")
    place = "a.star:2:12: error: integer division by zero\n"
    shown = "    return 1 // x\n           ^~~~~~\n  called from a.star:4:1\n"
    assert evaluated(tmp_path, "a.star") == (2, "", place + shown)


def test_the_standard_input_is_a_program_too(tmp_path: Path) -> None:
    assert evaluated(tmp_path, "-", text="print(1)\n") == (0, "", "<stdin>:1:1: 1\n")


def test_only_what_is_beside_a_program_can_be_loaded(tmp_path: Path) -> None:
    for name in ("../x.bzl", "//x:y.bzl", "/etc/passwd", "@r//:x.bzl"):
        code, _, told = evaluated(tmp_path, "-", text=f"load({name!r}, 'x')\n")
        assert (code, told.splitlines()[0]) == (
            2,
            f"<stdin>:1:6: error: cannot load '{name}': a program loads files beside it",
        )


def test_a_load_that_goes_in_a_circle_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.bzl").write_text('load("b.bzl", "y")\nx = 1\n')
    (tmp_path / "b.bzl").write_text('load("a.bzl", "x")\ny = 1\n')
    assert evaluated(tmp_path, "a.bzl")[2].splitlines()[0] == "b.bzl:1:6: error: load cycle: 'a.bzl' loads itself"


def test_limits_are_raised_by_name(tmp_path: Path) -> None:
    text = "x = 1 << 20000\nprint(len(str(x)))\n"
    assert evaluated(tmp_path, "-", text=text)[0] == 2
    assert evaluated(tmp_path, "--limit", "integer_bits=30_000", "-", text=text) == (0, "", "<stdin>:2:1: 6021\n")
    assert evaluated(tmp_path, "--limit", "bits=1", "-")[2] == (
        "error: unknown limit 'bits'\n"
        "hint: the limits are: steps, depth, seconds, integer_bits, string_length, elements\n"
    )
    assert evaluated(tmp_path, "--limit", "steps", "-")[2] == "error: '--limit' must be NAME=NUMBER, found 'steps'\n"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert evaluated(tmp_path, "none.bzl") == (2, "", "error: file 'none.bzl' does not exist\n")


def test_a_mistake_on_the_standard_input_is_shown_in_its_line(tmp_path: Path) -> None:
    told = "<stdin>:2:5: error: name 'rule' is not defined\n    x = rule()\n        ^~~~\n"
    hint = "hint: 'rule' exists only in the .bzl files of a workspace\n"
    assert evaluated(tmp_path, "-", text="\nx = rule()\n") == (2, "", told + hint)
