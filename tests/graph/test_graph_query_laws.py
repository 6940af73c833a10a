"""Laws of the query language on random graphs, against models that are too simple to be wrong; and very deep graphs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from graph_fakes import place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildkit.errors import BuildError, BuildErrors, ExitCode
from buildkit.graph.query import FUNCTIONS, Loaded, evaluate, parse
from buildkit.graph.query.paths import reachable, reaching, some_path, total_order

Graph = dict[int, set[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Edges lead from a node to higher ones only."""
    count = draw(st.integers(1, 9))
    return {
        node: draw(st.sets(st.integers(node + 1, count - 1))) if node + 1 < count else set() for node in range(count)
    }


subsets = st.sets(st.integers(0, 8), max_size=4)


def closure(graph: Graph) -> set[tuple[int, int]]:
    """All pairs (from, to) with a way between, by Warshall's algorithm; each node reaches itself."""
    pairs = {(node, node) for node in graph} | {(node, one) for node, others in graph.items() for one in others}
    for middle in graph:
        pairs |= {(a, b) for a in graph for b in graph if (a, middle) in pairs and (middle, b) in pairs}
    return pairs


def walks(graph: Graph, start: int, steps: int) -> set[int]:
    """The nodes at most so many steps away, by recursion."""
    onward = (walks(graph, one, steps - 1) for one in graph[start]) if steps else ()
    return {start}.union(*onward)


@given(graphs(), subsets, subsets)
def test_walks_agree_with_a_simple_model(graph: Graph, first: set[int], second: set[int]) -> None:
    starts, ends = sorted(first & graph.keys()), sorted(second & graph.keys())
    pairs, needs = closure(graph), lambda node: sorted(graph[node])
    below = {b for a, b in pairs if a in starts}
    assert set(reachable(starts, needs)) == below
    assert set(reaching(starts, ends, needs)) == {
        node for node in below if any((node, end) in pairs for end in ends if end in below)
    }
    for depth in range(4):
        assert set(reachable(starts, needs, depth)) == {one for start in starts for one in walks(graph, start, depth)}
    path = some_path(starts, dict.fromkeys(ends), needs)
    assert bool(path) == any((start, end) in pairs for start in starts for end in ends)
    if path:
        assert (path[0] in starts, path[-1] in ends) == (True, True)
        assert all(after in graph[before] for before, after in itertools.pairwise(path))
    order = total_order(sorted(graph), needs)
    assert sorted(order) == sorted(graph)
    assert all(order.index(node) < order.index(one) for node, others in graph.items() for one in others)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return partial(tmp_path_factory.mktemp, "laws")


def loaded(graph: Graph, root: Path) -> Loaded:
    lines = [
        f'filegroup(name = "t{node}", srcs = {[f":t{one}" for one in sorted(others)]!r})'
        for node, others in graph.items()
    ]
    return Loaded(place(root, {"BUILD": "\n".join(lines).replace("'", '"') + "\n"}).loader())


LAWS = [
    ("$x + $y", "$y + $x"),
    ("$x ^ $y", "$y ^ $x"),
    ("$x ^ ($x + $y)", "$x"),
    ("$x - ($y + $z)", "($x - $y) - $z"),
    ("$x - $y + $z", "($x - $y) + $z"),
    ("$x union $y except $z intersect $x", "(($x + $y) - $z) ^ $x"),
    ("deps(deps($x))", "deps($x)"),
    ("deps($x + $y)", "deps($x) + deps($y)"),
    ("deps($x, 2)", "deps(deps($x, 1), 1)"),
    ("rdeps($x, $y)", "rdeps($x, $y ^ deps($x))"),
    ("rdeps($x, $y, 2)", "rdeps($x, rdeps($x, $y, 1), 1)"),
    ("allpaths($x, $y)", "deps($x) ^ rdeps($x, $y)"),
    ("somepath($x, $y) - allpaths($x, $y)", "set()"),
    ("allpaths($x, $x) ^ $x", "$x"),
    ("rdeps(//..., $x)", "allrdeps($x)"),
    ("let x = $y in $x", "$y"),
    ("filter(0, $x) + filter('t[^0]', $x)", "$x"),
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(), st.tuples(subsets, subsets, subsets))
def test_the_laws_of_the_language_hold(
    folder: Callable[[], Path], graph: Graph, chosen: tuple[set[int], set[int], set[int]]
) -> None:
    asked = loaded(graph, folder())
    sets = [" ".join(f"//:t{node}" for node in sorted(one & graph.keys())) for one in chosen]
    bound = "".join(f"let {name} = set({words}) in " for name, words in zip("xyz", sets, strict=True))
    for one, other in LAWS:
        assert answer(bound + one, asked) == answer(bound + other, asked), (one, other)


def answer(expression: str, graph: Loaded) -> set[str]:
    parsed = parse(expression, {name: known.signature for name, known in FUNCTIONS.items()})
    return {str(label) for label in evaluate(parsed, graph, FUNCTIONS).labels}


def test_a_chain_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    chain = """
        [filegroup(name = "t%d" % n, srcs = [":t%d" % (n + 1)]) for n in range(9999)]
        filegroup(name = "t9999", srcs = [])
    """.replace("\n        ", "\n")
    graph = Loaded(place(tmp_path, {"BUILD": chain}).loader())
    everything = {f"//:t{n}" for n in range(10_000)}
    for expression in (
        "deps(//:t0)",
        "rdeps(//..., //:t9999)",
        "allpaths(//:t0, //:t9999)",
        "somepath(//:t0, //:t9999)",
        "allrdeps(//:t9999)",
        "same_pkg_direct_rdeps(//...) + //:t0",
    ):
        assert answer(expression, graph) >= everything - {"//:t9999"}
    labels = sorted(evaluate(parse("//...", {}), graph, FUNCTIONS).labels)
    assert [label.name for label in total_order(labels, graph.needs)] == [f"t{n}" for n in range(10_000)]


SIGNS = r"( ) , + - ^ = let in set $x x rule 1 99999999999 ' [ \ * ** .. ... :all :* ...:* / // //a//b @x//y union"
TOKENS = [
    *(f"{name}(" for name in FUNCTIONS),
    *SIGNS.split(),
    *("//:t0", "//:t1", "//...", "//:*", "-//:t0", "@mbuild//rules:prelude.bzl", "@mbuild//rules/...", "//:BUILD"),
    *("\0", "\n", "\ud800", "é", "a" * 5000, "//" + "a/" * 500 + "b", "//:" + "x" * 300, "t0/x", "(?P<", '"'),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return loaded({0: {1}, 1: set()}, tmp_path_factory.mktemp("small"))


@settings(max_examples=300, deadline=None)
@given(tokens=st.lists(st.sampled_from(TOKENS), max_size=9), gap=st.sampled_from(["", " "]))
def test_any_text_has_an_answer_or_an_error_of_ours(small: Loaded, tokens: list[str], gap: str) -> None:
    try:
        answer(gap.join(tokens), small)
    except (BuildError, BuildErrors) as error:
        code = error.exit_code
    else:
        code = ExitCode.SUCCESS
    assert code in (ExitCode.SUCCESS, ExitCode.USAGE)
