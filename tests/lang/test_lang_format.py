"""The formatter by itself: what it makes of small texts, and what holds of every program."""

from __future__ import annotations

from collections import Counter

import pytest
from format_programs import programs

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import parse
from buildkit.lang.format import format_source
from buildkit.lang.format.tokens import tokenize

BUILD = {
    "arguments come in their order": (
        "f(deps = [], b = 1, name = 'x', a = 2)",
        'f(\n    name = "x",\n    a = 2,\n    b = 1,\n    deps = [],\n)\n',
    ),
    "one argument stays on the line": ("f(name = 'x')", 'f(name = "x")\n'),
    "lists of labels are sorted, each label once and short": (
        'f(deps = ["//b:b", ":a", "c", "@r//:r", ":a"])',
        'f(deps = [\n    "c",\n    ":a",\n    "//b",\n    "@r",\n])\n',
    ),
    "what is not to be sorted is not": (
        'f(deps = [\n    # do not sort\n    "b",\n    "a",\n])',
        'f(deps = [\n    # do not sort\n    "b",\n    "a",\n])\n',
    ),
    "loads come first, one for a module": (
        'x = 1\nload(":b.bzl", "b")\nload("//a:a.bzl", "a")\n# why\nload(":b.bzl", "c")\n',
        'load("//a:a.bzl", "a")\n\n# why\nload(":b.bzl", "b", "c")\n\nx = 1\n',
    ),
    "needless parentheses go": ("x = ((y))\n", "x = y\n"),
    "a list starts on the line of its '+'": (
        'f(srcs = glob(["a*"]) +\n    ["b"])',
        'f(srcs = glob(["a*"]) + [\n    "b",\n])\n',
    ),
    "comments stay where they are": (
        "# top\n\n# above\nx = [1, # one\n  # two\n  2] # end\n# below\n",
        "# top\n\n# above\nx = [\n    1,  # one\n    # two\n    2,\n]  # end\n# below\n",
    ),
    "a file without anything": ("", ""),
    "blank lines only": ("\n\n\n", ""),
}
BZL = {
    "lines break where their author broke them": (
        "x = f(1, 2)\ny = f(1,\n  2)\n",
        "x = f(1, 2)\ny = f(\n    1,\n    2,\n)\n",
    ),
    "functions are two blank lines' worth apart": (
        "def f(a,b=1,*c,**d): return a\nx = 1\n",
        "def f(a, b = 1, *c, **d):\n    return a\n\nx = 1\n",
    ),
    "docstrings move with their function": (
        'def f():\n  """One.\n\n  Two.  \n  """\n  pass\n',
        'def f():\n    """One.\n\n    Two.\n    """\n    pass\n',
    ),
    "a tuple that needs its comma keeps it": (
        "def f():\n  for x, in y: pass\n",
        "def f():\n    for x, in y:\n        pass\n",
    ),
    "numbers are written plainly": (
        "x = [.5, 00.5, 1.5E+05, 1.5e-05, 1.5e00, 05e3, 00, 0x1F]\n",
        "x = [0.5, 0.5, 1.5e5, 1.5e-05, 1.5, 5e3, 0o0, 0x1F]\n",
    ),
    "what is in a subscript": ("x = y[1 , 2][1 ,][a :b: 2][ : ]\n", "x = y[1, 2][1,][a:b:2][:]\n"),
    "conditions that are functions": (
        "x = [y for y in z if lambda : 0 if a]\n",
        "x = [y for y in z if lambda: 0 if a]\n",
    ),
    "bytes stay as they are": ("x = b'a'\ny = 1e-3\n", "x = b'a'\ny = 1e-3\n"),
    "an else with an if is an elif": (
        "def f():\n  if a: b\n  else:\n    if c: d\n    else: e\n",
        "def f():\n    if a:\n        b\n    elif c:\n        d\n    else:\n        e\n",
    ),
    "comments in brackets that end a subscript stand after it": ("x = y[0\n# c\n]\n", "x = y[0]  # c\n"),
    "a line goes on after a backslash": ("x = a + \\\n  b\n", "x = a + \\\n    b\n"),
    "but not in a tuple without brackets": ("x, y = a + \\\n  b, c\n", "x, y = a + b, c\n"),
}


@pytest.mark.parametrize("name", BUILD)
def test_a_build_file(name: str) -> None:
    text, formatted = BUILD[name]
    assert format_source(text, "BUILD", True) == formatted


@pytest.mark.parametrize("name", BZL)
def test_a_bzl_file(name: str) -> None:
    text, formatted = BZL[name]
    assert format_source(text, "x.bzl", False) == formatted


def test_mistakes_are_told_as_everywhere() -> None:
    with pytest.raises(BuildError) as caught:
        format_source("f(", "models/BUILD", True)
    assert str(caught.value) == "models/BUILD:1:2: error: '(' is never closed"


def _comments(text: str) -> Counter[str]:
    return Counter(tokenize(text).comments())


@pytest.mark.parametrize("seed", range(40))
def test_formatting_twice_changes_nothing_and_no_comment_is_lost(seed: int) -> None:
    for program, build_file in programs(seed * 10, 10):
        formatted = format_source(program, "x", build_file)
        assert format_source(formatted, "x", build_file) == formatted
        assert _comments(formatted) == _comments(program)


def test_long_and_deep_programs_are_formatted() -> None:
    texts = ["x = " + " + ".join(["a"] * 2_000), "x = a" + ".b()" * 40, "x = " + "(" * 90 + "a" + ")" * 90]
    for text in texts:
        try:
            parse(text, "x", build_file=True)
        except (BuildError, BuildErrors):
            continue
        assert format_source(format_source(text, "x", True), "x", True) == format_source(text, "x", True)
