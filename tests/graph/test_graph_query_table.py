"""Expression → answer, on one workspace.

The answers are those of Bazel 4.2.3's `bazel query`, asked once of these very files, and what Bazel's query reference
(bazel.build/query/language) says. Targets stand in the order of their labels here.
"""

from __future__ import annotations

import pytest
from graph_fakes import place
from query_workspace import FILES

from buildkit.graph.query import FUNCTIONS, Loaded, evaluate, parse

ANSWERS = {
    "//app:app": "//app:app",
    "//app": "//app:app",
    "//app:all": "//app:app //app:gui //app:two_a //app:two_b",
    "//app:*": "//app:BUILD //app:app //app:gui //app:gui.txt //app:main.txt //app:two_a //app:two_b",
    "//app:all-targets": "//app:BUILD //app:app //app:gui //app:gui.txt //app:main.txt //app:two_a //app:two_b",
    "//lib/...": "//lib/inner:deep //lib:core //lib:draw //lib:lone //lib:net",
    "//lib/...:all": "//lib/inner:deep //lib:core //lib:draw //lib:lone //lib:net",
    "//lib/...:*": """
        //lib/inner:BUILD //lib/inner:deep //lib/inner:given.txt //lib:BUILD //lib:core //lib:core.txt
        //lib:draw //lib:lone //lib:net
    """,
    "//lib:all + //tools:gen": "//lib:core //lib:draw //lib:lone //lib:net //tools:gen",
    "//lib:all union //tools:gen": "//lib:core //lib:draw //lib:lone //lib:net //tools:gen",
    "//lib:* - //lib:all": "//lib:BUILD //lib:core.txt",
    "//lib:* except kind(rule, //lib:*)": "//lib:BUILD //lib:core.txt",
    "//lib:* ^ set(//lib:core //lib:core.txt //app:app)": "//lib:core //lib:core.txt",
    "//lib:all - //lib:core + //lib:core": "//lib:core //lib:draw //lib:lone //lib:net",
    "//lib:core + //lib:net - //lib:core ^ //lib:net": "//lib:net",
    "set()": "",
    "set(//app:all //tools:gen)": "//app:app //app:gui //app:two_a //app:two_b //tools:gen",
    "'//app:app'": "//app:app",
    "(//app:app)": "//app:app",
    "let x = //lib:all in $x - //lib:core": "//lib:draw //lib:lone //lib:net",
    "let x = //lib:all in let y = //lib:core in $x ^ $y": "//lib:core",
    "let x = //lib:core in (let x = //lib:net in $x) + $x": "//lib:core //lib:net",
    "deps(//app:app)": """
        //app:app //app:gui //app:gui.txt //app:main.txt //lib/inner:deep //lib/inner:given.txt //lib:core
        //lib:core.txt //lib:draw //lib:net //tools:gen //tools:gen.txt //tools:hidden
    """,
    "deps(//app:app, 0)": "//app:app",
    "deps(//app:app, 1)": "//app:app //app:gui //app:main.txt //lib:core //lib:net //tools:hidden",
    "deps(//app:app, 2)": """
        //app:app //app:gui //app:gui.txt //app:main.txt //lib:core //lib:core.txt //lib:draw //lib:net
        //tools:gen //tools:hidden
    """,
    "deps(//lib:net + //lib:draw, 1)": "//lib/inner:deep //lib:core //lib:draw //lib:net //tools:gen //tools:hidden",
    "deps(//app:*, 1)": """
        //app:BUILD //app:app //app:gui //app:gui.txt //app:main.txt //app:two_a //app:two_b //lib:core
        //lib:draw //lib:net //tools:hidden
    """,
    "deps(set())": "",
    "rdeps(//app/... + //lib/..., //lib:core)": """
        //app:app //app:gui //app:two_a //app:two_b //lib/inner:deep //lib:core //lib:draw //lib:net
    """,
    "rdeps(//app/... + //lib/..., //lib:core, 1)": "//app:app //lib/inner:deep //lib:core //lib:draw //lib:net",
    "rdeps(//app/... + //lib/..., //lib:core, 2)": """
        //app:app //app:gui //app:two_a //lib/inner:deep //lib:core //lib:draw //lib:net
    """,
    "rdeps(//app:app, //lib:core)": "//app:app //app:gui //lib/inner:deep //lib:core //lib:draw //lib:net",
    "rdeps(//app:gui, //lib:net)": "",
    "rdeps(//app/... + //lib/..., //lib/inner:given.txt)": """
        //app:app //app:gui //lib/inner:deep //lib/inner:given.txt //lib:draw
    """,
    "rdeps(//app:two_b, //lib:core, 0)": "//lib:core",
    "same_pkg_direct_rdeps(//lib:core)": "//lib:draw //lib:net",
    "same_pkg_direct_rdeps(//lib:core.txt + //app:gui)": "//app:app //lib:core //lib:lone",
    "allpaths(//app:app, //lib:core)": "//app:app //app:gui //lib/inner:deep //lib:core //lib:draw //lib:net",
    "allpaths(//app:app + //lib:all, //lib/inner:deep)": "//app:app //app:gui //lib/inner:deep //lib:draw",
    "allpaths(//lib:core, //app:app)": "",
    "allpaths(//app:app, //app:app)": "//app:app",
    "somepath(//app:two_b, //lib:core)": "//app:two_a //app:two_b //lib:core //lib:net",
    "somepath(//lib:core, //app:app)": "",
    "somepath(//app:app, //app:app)": "//app:app",
    "somepath(//app:gui, //lib/inner:given.txt)": "//app:gui //lib/inner:deep //lib/inner:given.txt //lib:draw",
    "kind(rule, //lib:*)": "//lib:core //lib:draw //lib:lone //lib:net",
    'kind("source file", deps(//app:app))': """
        //app:gui.txt //app:main.txt //lib/inner:given.txt //lib:core.txt //tools:gen.txt
    """,
    'kind("lib rule", //app:* + //lib:*)': """
        //app:app //app:gui //app:two_a //app:two_b //lib:core //lib:draw //lib:net
    """,
    'kind("^plain rule$", //...)': "//lib:lone //tools:gen //tools:hidden",
    'kind("generated file", //made:*)': "//made:made.txt",
    'kind("package group", //choices:*)': "//choices:friends //choices:others",
    "kind(lib, //lib:*)": "//lib:core //lib:draw //lib:net",
    'filter("core", deps(//app:app))': "//lib:core //lib:core.txt",
    'filter("\\.txt$", //...:*)': """
        //app:gui.txt //app:main.txt //lib/inner:given.txt //lib:core.txt //made:made.txt //tools:gen.txt
    """,
    "filter(//app, deps(//app:app))": "//app:app //app:gui //app:gui.txt //app:main.txt",
    "attr(level, 3, //...)": "//app:app",
    "attr(level, 1, //app:all)": "//app:gui //app:two_a //app:two_b",
    'attr("linked", "1", //...)': "//lib:core",
    'attr("linked", "0", //lib:all)': "//lib:draw //lib:net",
    'attr(words, "\\[a, b c\\]", //...)': "//app:app",
    'attr(words, "\\[\\]", //app:all)': "//app:gui //app:two_a //app:two_b",
    'attr(deps, "//lib:core", //...)': """
        //app:app //choices:choosing //lib/inner:deep //lib:draw //lib:net //made:maker
    """,
    'attr(deps, "\\[//app:gui, //lib:core, //lib:net\\]", //...)': "//app:app",
    'attr(env, "k=v", //...)': "//lib:net",
    'attr(env, "^\\{k=v, x=y\\}$", //...)': "//lib:net",
    'attr(tool, "gen$", //...)': "//lib:net",
    'attr(tool, "", //lib:all)': "//lib:net",
    'attr(tags, "base", //...)': "//lib:core",
    'attr(tags, "\\[base\\]", //...)': "//lib:core",
    'attr(name, "^two", //...)': "//app:two_a //app:two_b",
    'attr(visibility, "public", //...)': "//app:gui //choices:fast //lib:core //tools:gen //tools:hidden",
    'attr(visibility, "//app:__pkg__", //...)': "//lib:net",
    'attr(nothing, ".*", //...)': "",
    'attr(srcs, "core", //lib:*)': "//lib:core //lib:lone",
    'attr(testonly, "1", //...)': """
        //checks:all_tests //checks:by_hand_test //checks:named //checks:nested //checks:quick_test
        //checks:slow_test //checks:small_ones
    """,
    'attr(testonly, "0", //lib:all)': "//lib:core //lib:draw //lib:lone //lib:net",
    "labels(srcs, //app:all)": "//app:gui.txt //app:main.txt",
    "labels(deps, //app:app)": "//app:gui //lib:core //lib:net",
    "labels(tool, //...)": "//tools:gen",
    "labels(words, //app:app)": "",
    "labels(nothing, //app:app)": "",
    "siblings(//lib:core)": "//lib:BUILD //lib:core //lib:core.txt //lib:draw //lib:lone //lib:net",
    "siblings(//lib/inner:deep + //tools:gen)": """
        //lib/inner:BUILD //lib/inner:deep //lib/inner:given.txt //tools:BUILD //tools:gen //tools:gen.txt
        //tools:hidden
    """,
    "siblings(//lib:core.txt)": "//lib:BUILD //lib:core //lib:core.txt //lib:draw //lib:lone //lib:net",
    "some(//lib:core)": "//lib:core",
    "some(//lib:core + //app:app - //app:app)": "//lib:core",
    "tests(//checks:all)": "//checks:by_hand_test //checks:quick_test //checks:slow_test",
    "tests(//checks:quick_test)": "//checks:quick_test",
    "tests(//checks:named)": "//checks:quick_test",
    "tests(//checks:nested)": "//checks:by_hand_test //checks:quick_test",
    "tests(//checks:all_tests)": "//checks:quick_test //checks:slow_test",
    "tests(//checks:small_ones)": "//checks:quick_test",
    "tests(//lib:all)": "",
    "visible(//app:app, //lib:*)": "//lib:core //lib:draw //lib:net",
    "visible(//app:app + //lib:all, //lib:*)": "//lib:core //lib:draw //lib:net",
    "visible(//lib/inner:deep, //lib:*)": "//lib:core",
    "visible(//tools:gen, //choices:*)": "//choices:choosing //choices:fast //choices:friends //choices:others",
    "visible(//app:app, //choices:*)": "//choices:choosing //choices:fast //choices:friends //choices:others",
    "visible(//lib:core, //choices:*)": "//choices:fast //choices:friends //choices:others",
    "visible(set(), //lib:all)": "//lib:core //lib:draw //lib:lone //lib:net",
    "buildfiles(//app:app)": "//:BUILD //:defs.bzl //app:BUILD //build:BUILD //build:macros.bzl",
    "buildfiles(//lib:core)": "//:BUILD //:defs.bzl //lib:BUILD",
    "buildfiles(//app:app + //tools:gen)": """
        //:BUILD //:defs.bzl //app:BUILD //build:BUILD //build:macros.bzl //tools:BUILD
    """,
    "buildfiles(deps(//app:two_a))": """
        //:BUILD //:defs.bzl //app:BUILD //build:BUILD //build:macros.bzl //lib:BUILD //tools:BUILD
    """,
    "loadfiles(//app:app)": "//:defs.bzl //build:macros.bzl",
    "loadfiles(//lib:core)": "//:defs.bzl",
    "loadfiles(//tools:all)": "//:defs.bzl",
    "deps(//choices:choosing, 1)": """
        //app:two_a //choices:choosing //choices:fast //choices:friends //lib:core //made:uses_made
        //tools:hidden
    """,
    "deps(//made:made.txt, 1)": "//made:made.txt //made:maker",
    "deps(//made:uses_made)": """
        //lib:core //lib:core.txt //made:made.txt //made:maker //made:uses_made //tools:hidden
    """,
    "deps(//choices:friends)": "//choices:friends //choices:others",
    "deps(//checks:all_tests, 1)": "//checks:all_tests //checks:quick_test //checks:slow_test",
    "deps(//checks:nested, 1)": "//checks:by_hand_test //checks:named //checks:nested",
    "deps(//choices:shown)": """
        //app:gui //app:gui.txt //app:main.txt //choices:shown //lib/inner:deep //lib/inner:given.txt //lib:core
        //lib:core.txt //lib:draw //tools:hidden
    """,
    "deps(//choices:fast)": "//choices:fast",
    "attr(level, 5, //...)": "//choices:choosing",
    "attr(level, 7, //...)": "//choices:choosing",
    "attr(deps, two_a, //choices:all)": "//choices:choosing",
    'attr(deps, "core.*uses_made", //choices:all)': "//choices:choosing",
    'attr(deps, "two_a.*uses_made", //choices:all)': "//choices:choosing",
    "attr(visibility, friends, //...)": "//choices:choosing",
    "labels(deps, //choices:choosing)": "//app:two_a //lib:core //made:uses_made",
    "labels(actual, //choices:shown)": "//app:gui",
    "labels(tests, //checks:named)": "//checks:quick_test //checks:slow_test",
    "labels(out, //made:maker)": "//made:made.txt",
    "labels(outs, //made:maker)": "",
    "rdeps(//made:all, //made:maker, 1)": "//made:made.txt //made:maker",
    "kind(alias, //choices:all)": "//choices:shown",
    "kind(test_suite, //checks:*)": "//checks:all_tests //checks:named //checks:nested //checks:small_ones",
    'kind("config_setting rule", //...)': "//choices:fast",
    "kind(.*_test, //...)": "//checks:by_hand_test //checks:quick_test //checks:slow_test",
    'filter("^//checks:[a-m]", //checks:*)': "//checks:all_tests //checks:by_hand_test",
    "attr(define_values, speed, //...)": "//choices:fast",
    "attr(packages, app, //choices:*)": "",
    "attr(actual, gui, //...)": "//choices:shown",
    "deps(//choices:all, 1)": """
        //app:gui //app:two_a //choices:choosing //choices:fast //choices:friends //choices:shown //lib:core
        //made:uses_made //tools:hidden
    """,
    'kind("package group", deps(//choices:choosing))': "//choices:friends //choices:others",
    "siblings(//choices:fast)": """
        //choices:BUILD //choices:choosing //choices:fast //choices:friends //choices:others //choices:shown
    """,
    "same_pkg_direct_rdeps(//choices:fast)": "//choices:choosing",
    "same_pkg_direct_rdeps(//choices:friends)": "//choices:choosing",
    "rdeps(//choices:all, //choices:others)": "//choices:choosing //choices:friends //choices:others",
    "somepath(//choices:choosing, //choices:others)": "//choices:choosing //choices:friends //choices:others",
    "labels(visibility, //choices:choosing)": "//choices:friends",
    "visible(//app:app, //choices:choosing)": "//choices:choosing",
    "visible(//tools:gen, //choices:choosing)": "//choices:choosing",
    "attr(tags, nightly, //checks:all)": "//checks:named //checks:slow_test",
    "attr(tests, quick, //checks:all)": "//checks:named //checks:small_ones",
    "deps(//checks:named, 1) - deps(//checks:named, 0)": "//checks:quick_test //checks:slow_test",
    "labels(includes, //choices:friends)": "",
    "tests(//checks:named + //checks:small_ones)": "//checks:quick_test",
    "tests(//checks:nested) - tests(//checks:named)": "//checks:by_hand_test",
    "attr(srcs, made, //...)": "//made:uses_made",
    'kind("rule", deps(//made:uses_made))': "//lib:core //made:maker //made:uses_made //tools:hidden",
    "deps(//made:made.txt)": "//lib:core //lib:core.txt //made:made.txt //made:maker //tools:hidden",
}
OURS = {
    # Where Bazel has other names ('$hidden'), a later version is meant, or the answer depends on its own tools.
    "labels(_hidden, //lib:core)": "//tools:hidden",
    "executables(//...)": "//checks:by_hand_test //checks:quick_test //checks:slow_test",
    "allrdeps(//lib:net) - //checks:all": "//app:app //app:two_a //app:two_b //choices:choosing //lib:net",
    "allrdeps(//lib:net, 1)": "//app:app //app:two_a //lib:net",
    "rbuildfiles(build/macros.bzl)": "//app:BUILD",
    "rbuildfiles(defs.bzl)": """
        //app:BUILD //checks:BUILD //choices:BUILD //lib/inner:BUILD //lib:BUILD //made:BUILD //tools:BUILD
    """,
    "some(//lib:all, 2)": "//lib:core //lib:draw",
    "deps(//checks:quick_test, 2)": """
        //app:gui //app:gui.txt //app:main.txt //checks:quick_test //lib:draw //tools:hidden
    """,
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return Loaded(place(tmp_path_factory.mktemp("workspace"), FILES).loader())


def ask(expression: str, graph: Loaded) -> list[str]:
    parsed = parse(expression, {name: known.signature for name, known in FUNCTIONS.items()})
    return sorted(str(label) for label in evaluate(parsed, graph, FUNCTIONS).labels)


@pytest.mark.parametrize("expression", ANSWERS)
def test_an_expression_has_bazels_answer(graph: Loaded, expression: str) -> None:
    assert ask(expression, graph) == ANSWERS[expression].split()


@pytest.mark.parametrize("expression", OURS)
def test_an_expression_that_bazel_was_not_asked_has_the_documented_answer(graph: Loaded, expression: str) -> None:
    assert ask(expression, graph) == sorted(OURS[expression].split())


def test_every_function_has_a_row() -> None:
    rows = " ".join([*ANSWERS, *OURS])
    assert [name for name in FUNCTIONS if f"{name}(" not in rows] == []
