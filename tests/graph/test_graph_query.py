"""Query expressions: what cannot be read or answered is told, with its place; relative patterns; broken packages."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_fakes import place

from buildkit.errors import BuildError, BuildErrors, render
from buildkit.graph.query import FUNCTIONS, PLACE, Edges, Loaded, evaluate, parse

FILES = {
    "a/BUILD": 'filegroup(name = "x", srcs = [":y", "x.txt"])\nfilegroup(name = "y", srcs = [])\n',
    "a/x.txt": "",
    "a/b/BUILD": 'filegroup(name = "b", srcs = [])\n',
    "b/BUILD": 'filegroup(name = "z", srcs = [])\n',
}
BROKEN = {
    **FILES,
    "c/BUILD": 'filegroup(name = "w", srcs = ["//a:x", "//d:no", ":gone"])\n',
    "d/BUILD": "filegroup(\n",
}


def ask(expression: str, graph: Loaded) -> list[str]:
    parsed = parse(expression, {name: known.signature for name, known in FUNCTIONS.items()})
    return [str(label) for label in evaluate(parsed, graph, FUNCTIONS).labels]


@pytest.mark.parametrize(
    ("expression", "package", "labels"),
    [
        ("...", "b", ["//b:z"]),
        ("deps( :y )", "a", ["//a:y"]),
        ("x", "a", ["//a:x"]),
        ("b", "a", ["//a/b:b"]),
        ("x.txt", "a", ["//a:x.txt"]),
        ("a/x.txt", "", ["//a:x.txt"]),
        ("a/b", "", ["//a/b:b"]),
        ("a:all", "", ["//a:x", "//a:y"]),
        ("a/...", "", ["//a:x", "//a:y", "//a/b:b"]),
        ("a/...:all-targets", "", ["//a:BUILD", "//a:x", "//a:x.txt", "//a:y", "//a/b:BUILD", "//a/b:b"]),
        ("//a:x\n  + //b:z", "", ["//a:x", "//b:z"]),
    ],
)
def test_a_pattern_is_read_from_where_the_user_stands(
    tmp_path: Path, expression: str, package: str, labels: list[str]
) -> None:
    assert ask(expression, Loaded(place(tmp_path, FILES).loader(), package=package)) == labels


MISTAKES = {
    "": "1:1: error: expected a target pattern or a function, found the end\n    |\n    |^",
    "//a:x //b:z": """
        1:7: error: expected an operator or the end, found '//b:z'
            //a:x //b:z
                  ^~~~~
        hint: operators are + (union), - (except) and ^ (intersect); a list of patterns is set(A B)
    """,
    "dps(//a:x)": """
        1:1: error: unknown function 'dps'
            dps(//a:x)
            ^~~
        hint: did you mean 'deps'?
    """,
    "deps()": """
        1:1: error: 'deps' takes 1 or 2 arguments, found 0
            deps()
            ^~~~~~
        hint: use deps(expression[, depth])
    """,
    "deps(//a:x, 1, 2)": """
        1:16: error: 'deps' takes 1 or 2 arguments, found more
            deps(//a:x, 1, 2)
                           ^
        hint: use deps(expression[, depth])
    """,
    "deps(//a:x, -1)": """
        1:13: error: expected a number for 'depth' of deps, found '-'
            deps(//a:x, -1)
                        ^
        hint: use deps(expression[, depth])
    """,
    "deps(//a:x, two)": """
        1:13: error: 'depth' of deps must be a whole number, found 'two'
            deps(//a:x, two)
                        ^~~
    """,
    "deps(//a:x": """
        1:5: error: '(' is never closed
            deps(//a:x
                ^
    """,
    "kind(//a:x + //a:y, //a:x)": """
        1:12: error: expected an operator or ')', found '+'
            kind(//a:x + //a:y, //a:x)
                       ^
    """,
    "filter(deps(//a:x), //a:x)": """
        1:12: error: expected an operator or ')', found '('
            filter(deps(//a:x), //a:x)
                       ^
    """,
    "filter('*', //a:x)": """
        1:8: error: '*' is not a regular expression: nothing to repeat at position 0
            filter('*', //a:x)
                   ^~~
        hint: signs such as * + ? ( [ are taken literally after a backslash
    """,
    "$x": """
        1:1: error: unknown variable '$x'
            $x
            ^~
        hint: define it with let x = … in …
    """,
    "let found = //a:x in\\n  $fond": """
        2:3: error: unknown variable '$fond'
            $fond
            ^~~~~
        hint: did you mean 'found'?
    """,
    "let 1 = //a:x in $1": """
        1:5: error: expected a variable's name after 'let', found '1'
            let 1 = //a:x in $1
                ^
    """,
    "let x //a:x in $x": """
        1:7: error: expected '=' after 'let x', found '//a:x'
            let x //a:x in $x
                  ^~~~~
    """,
    "set(//a:x, //a:y)": """
        1:10: error: the words of a set are separated by spaces, found ','
            set(//a:x, //a:y)
                     ^
    """,
    "//a:x & //a:y": """
        1:7: error: unexpected character '&'
            //a:x & //a:y
                  ^
        hint: put words that hold other characters than letters, digits and */@.-_:$~[] into quotes
    """,
    "filter('x, //a:x)": """
        1:8: error: the quoted word is never closed
            filter('x, //a:x)
                   ^
        hint: end it with '
    """,
    "some(//a:x - //a:x)": """
        1:1: error: the argument of some() is empty
            some(//a:x - //a:x)
            ^~~~~~~~~~~~~~~~~~~
    """,
    "deps(//a:z)": """
        1:6: error: no target 'z' in package '//a' (a/BUILD)
            deps(//a:z)
                 ^~~~~
    """,
    "//e/...": """
        1:1: error: no package at or below '//e'
            //e/...
            ^~~~~~~
        hint: packages are folders with a BUILD file
    """,
    "//a::": """
        1:1: error: invalid label '//a::': ':' is not a target name
            //a::
            ^~~~~
        hint: labels look like '//package:name' or ':name'
    """,
}


@pytest.mark.parametrize("expression", MISTAKES)
def test_a_mistake_is_shown_in_the_expression(tmp_path: Path, expression: str) -> None:
    text = expression.replace("\\n", "\n")
    with pytest.raises((BuildError, BuildErrors)) as raised:
        ask(text, Loaded(place(tmp_path, FILES).loader()))
    errors = raised.value.errors if isinstance(raised.value, BuildErrors) else (raised.value,)
    told = "\n".join(render(error, lambda path, number: text.splitlines()[number - 1]) for error in errors if text)
    if text:
        assert told.splitlines() == _block(f"{PLACE}:{MISTAKES[expression].strip()}")
    assert {error.exit_code for error in errors} == {2}


def _block(text: str) -> list[str]:
    first, *rest = text.splitlines()
    return [first, *(line.removeprefix("        ") for line in rest)]


def test_an_expression_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="the bound is 100 levels"):
        ask("(" * 5000 + "//a:x" + ")" * 5000, Loaded(place(tmp_path, FILES).loader()))


def test_a_long_chain_of_operators_is_no_nesting(tmp_path: Path) -> None:
    assert ask("+".join([" //a:x "] * 5000), Loaded(place(tmp_path, FILES).loader())) == ["//a:x"]


def test_what_is_broken_is_told_and_with_keep_going_left_out(tmp_path: Path) -> None:
    where = place(tmp_path, BROKEN)
    with pytest.raises(BuildError) as raised:
        ask("deps(//c:w)", Loaded(where.loader()))
    assert where.text(raised.value).startswith("d/BUILD:1:10: error: ")
    graph = Loaded(where.loader(), keep_going=True)
    assert ask("deps(//c:w)", graph) == ["//c:w", "//a:x", "//a:y", "//a:x.txt"]
    assert [error.message for error in graph.faults.values()][1:] == ["no target 'gone' in package '//c' (c/BUILD)"]
    assert ask("//...", Loaded(where.loader(), keep_going=True)) == ["//a:x", "//a:y", "//a/b:b", "//b:z", "//c:w"]


def test_dependencies_that_nobody_wrote_can_be_left_out(tmp_path: Path) -> None:
    defs = """
        def _f(ctx):
            return []

        thing = rule(
            implementation = _f,
            attrs = {"a": attr.label(default = "//a:x"), "b": attr.label(), "t": attr.label(cfg = "exec")},
        )
    """.replace("\n        ", "\n")
    files = {
        **FILES,
        "defs.bzl": defs,
        "BUILD": 'load("//:defs.bzl", "thing")\nthing(name = "t", b = "//b:z", t = "//a:y")\n',
    }
    where = place(tmp_path, files)
    assert ask("deps(//:t, 1)", Loaded(where.loader())) == ["//:t", "//a:x", "//b:z", "//a:y"]
    assert ask("deps(//:t, 1)", Loaded(where.loader(), edges=Edges(implicit=False))) == ["//:t", "//b:z", "//a:y"]
    assert ask("deps(//:t, 1)", Loaded(where.loader(), edges=Edges(tools=False))) == ["//:t", "//a:x", "//b:z"]


def test_the_universe_can_be_named(tmp_path: Path) -> None:
    graph = Loaded(place(tmp_path, BROKEN).loader(), universe=("//a/...", "//b:z"))
    assert ask("allrdeps(//a:y)", graph) == ["//a:y", "//a:x"]
