"""What lint finds in one file's text, what silences it, and what it removes."""

from __future__ import annotations

import pytest
from format_programs import programs

from buildkit.lang.format import format_source
from buildkit.lang.lint import CHECKS, fix_source, lint_source

BZL = [
    ('load(":a.bzl", "a", b = "c")\na()\n', ["1:21 'b' is loaded and never used [load]"]),
    ('load(":a.bzl", "a")\nload(":b.bzl", "a")\na()\n', ["2:16 'a' is loaded twice [load]"]),
    ('x = 1\nload(":a.bzl", "a")\na(x)\n', ["2:1 load below other statements [load-on-top]"]),
    ('"""Doc."""\n\nload(":a.bzl", "a")\na()\n', []),
    ("_X = 1\nY = 2\n", ["1:1 variable '_X' is never read [unused-variable]"]),
    ("def _f():\n    pass\n", ["1:5 function '_f' is never used [unused-variable]"]),
    (
        "def _f(a):\n    x = a\n    _y = 1\n    z = 2\n    return [z for _ in a]\n\n_f([])\n",
        ["2:5 variable 'x' is never read [unused-variable]"],
    ),
    ("def _f():\n    x = []\n    x[0] = 1\n    x.append(1)\n\n_f()\n", []),
    (
        "def _f():\n    pass\n\ndef _f():\n    pass\n\n_f()\n",
        ["4:5 function '_f' takes the place of the one on line 1 [redefined-variable]"],
    ),
    ('X = {"a": 1, 1: 2, "a": 3, True: 4}\n', ["1:20 the dict has the key 'a' twice [duplicated-name]"]),
    ("def _f(a):\n    return a\n    a()\n    a()\n\n_f(1)\n", ["3:5 this never runs [unreachable]"]),
    (
        "def _f(a):\n    for x in a:\n        if x:\n            continue\n        else:\n            fail(x)\n"
        "        a()\n\n_f(1)\n",
        ["7:9 this never runs [unreachable]"],
    ),
    ("def _f(a):\n    if a:\n        return 1\n    return 2\n\n_f(1)\n", []),
    ("X = 1 if True else 2\n", ["1:10 this condition is always the same [constant-condition]"]),
    (
        "def _f(a):\n    a == 1\n    [a() for _ in a]\n\n_f(1)\n",
        ["2:5 nobody takes the value of this expression [no-effect]"],
    ),
    ("def f():\n    pass\n", ["1:5 the public function 'f' has no docstring [function-docstring]"]),
    ('def f():\n    """Does."""\n', []),
    ("r = rule(implementation = 1)\n", ["1:1 the rule 'r' has no doc [rule-doc]"]),
    (
        'r = rule(doc = "x", attrs = {"a": attr.string(), "_b": attr.label()})\n',
        ["1:30 the attribute 'a' has no doc [attribute-doc]"],
    ),
    ("r = rule(**KEYS)\n_p = rule()\nq = _p\n", []),
]
BUILD = [
    ("X = 1\n", ["1:1 variable 'X' is never read [unused-variable]"]),
    ('f(name = "a")\ng(name = "a")\n', ["2:10 the target 'a' is declared twice: first on line 1 [duplicated-name]"]),
    ('f(srcs = glob(["a.txt", "*.md"]))\n', ["1:16 the glob pattern 'a.txt' names one file [constant-glob]"]),
    ('f(srcs = glob(include = ["a?"], exclude = ["ab"]))\n', []),
    ("[f(name = x) for x in []]\n", []),
]
SILENT = [
    'load(":a.bzl", "a")  # @unused\n',
    'load(\n    ":a.bzl",\n    "a",  # mbuild: disable=load\n)\n',
    'load(\n    ":a.bzl",\n    # buildifier: disable=load\n    "a",\n)\n',
    "# mbuild: disable=unused-variable, load\n_X = 1\n",
    "# Header.\n# mbuild: disable=function-docstring\n\ndef f():\n    pass\n",
    "def _f():\n    # mbuild: disable=unused-variable\n    x = 1\n\n_f()\n",
]


def told(text: str, build_file: bool) -> list[str]:
    found = lint_source(text, "x", build_file)
    assert all(one.check in CHECKS for one in found)
    return [f"{one.span.line}:{one.span.column} {one.message} [{one.check}]" for one in found]


@pytest.mark.parametrize(("text", "expected"), BZL)
def test_a_bzl_file(text: str, expected: list[str]) -> None:
    assert told(text, False) == expected


@pytest.mark.parametrize(("text", "expected"), BUILD)
def test_a_build_file(text: str, expected: list[str]) -> None:
    assert told(text, True) == expected


@pytest.mark.parametrize("text", SILENT)
def test_comments_silence_checks(text: str) -> None:
    assert told(text, False) == []


def test_another_check_is_not_silenced() -> None:
    assert told("# mbuild: disable=load\n_X = 1\n", False) == ["2:1 variable '_X' is never read [unused-variable]"]


def test_what_is_removed_leaves_formatted_text() -> None:
    text = '# why\nload(":a.bzl", "a", "b")\nload(":c.bzl", "c")\n_X=[_Y]\n_Y = {"a": 1}\n_Z = f()\na()\n'
    assert fix_source(text, "x.bzl", False) == '# why\nload(":a.bzl", "a")\n\n_Z = f()\na()\n'


def test_text_without_anything_to_remove_stays_as_it_is() -> None:
    assert fix_source("x=1\n", "x.bzl", False) == "x=1\n"


@pytest.mark.parametrize("first", range(700_000, 700_200, 50))
def test_every_program_can_be_linted_and_mended(first: int) -> None:
    for text, build_file in programs(first, 50):
        lint_source(text, "x", build_file)
        mended = fix_source(text, "x", build_file)
        assert fix_source(mended, "x", build_file) == mended
        assert mended == text or format_source(mended, "x", build_file) == mended
