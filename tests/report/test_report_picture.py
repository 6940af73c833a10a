"""Pictures of graphs: what is drawn, and that it can be read."""

from __future__ import annotations

import random
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from buildkit.errors import Span
from buildkit.graph.package import Target
from buildkit.label import Label
from buildkit.report.picture import Diagram, diagram, html, svg
from buildkit.report.picture.crossings import crossings
from buildkit.report.picture.layout import GAP, ROW, layout
from buildkit.report.picture.svg import shortened

Graph = dict[str, list[str]]


def drawn(graph: Graph, root: str = "//:a", *, everything: bool = False) -> Diagram:
    """Names with a dot are files, all others filegroups."""
    names = {*graph, *(one for others in graph.values() for one in others)}
    targets = {label: _target(label) for label in map(Label.parse, names)}
    needs = {Label.parse(name): [Label.parse(one) for one in others] for name, others in graph.items()}
    return diagram(targets, lambda label: needs.get(label, []), [Label.parse(root)], everything=everything)


def _target(label: Label) -> Target:
    rule = "" if "." in label.name else "filegroup"
    return Target(label, rule, {"name": label.name} if rule else {}, Span(f"{label.package}/BUILD", 1, 1, 1, 1), {})


def arrows(picture: Diagram) -> list[str]:
    return [f"{picture.nodes[start].name} {picture.nodes[end].name}" for start, end in picture.edges]


def test_edges_that_follow_from_others_are_left_out() -> None:
    picture = drawn({"//:a": ["//:b", "//:c", "//:d"], "//:b": ["//:c"], "//:c": ["//:d"]})
    assert arrows(picture) == ["a b", "b c", "c d"]
    assert [node.root for node in picture.nodes] == [True, False, False, False]


def test_many_files_that_one_target_needs_alone_are_one_box() -> None:
    files = [f"//:f{number}.txt" for number in range(5)]
    graph = {"//:a": ["//:b", *files, "//:shared.txt"], "//:b": ["//:shared.txt", "//:own.txt"]}
    picture = drawn(graph)
    assert arrows(picture) == ["a 5 files", "a b", "b own.txt", "b shared.txt"]
    assert picture.nodes[0].title.splitlines() == files
    assert picture.left_out == "9 targets; files that one target needs alone are one box"
    assert len(drawn(graph, everything=True).nodes) == 9


def test_a_large_graph_is_drawn_by_package() -> None:
    graph: Graph = {f"//p{n // 10}:t{n}": [f"//p{(n + 1) // 10}:t{n + 1}"] for n in range(500)}
    picture = drawn(graph, "//p0:t0")
    assert (len(picture.nodes), picture.left_out) == (51, "501 targets in 51 packages")
    assert arrows(picture)[:2] == ["//p0 //p1", "//p1 //p2"]
    first = next(node for node in picture.nodes if node.root)
    assert (first.name, first.place) == ("//p0", "10 targets")
    assert len(drawn(graph, "//p0:t0", everything=True).nodes) == 501


def test_packages_that_need_each_other_in_a_circle_are_drawn() -> None:
    graph: Graph = {f"//{'ab'[n % 2]}:t{n}": [f"//{'ab'[(n + 1) % 2]}:t{n + 1}"] for n in range(300)}
    assert arrows(drawn(graph, "//a:t0")) in (["//a //b"], ["//b //a"])


def scattered(count: int, seed: int) -> list[tuple[int, int]]:
    chance = random.Random(seed)
    return sorted({(chance.randrange(max(0, end - 12), end), end) for end in range(1, count) for _ in range(2)})


@pytest.mark.parametrize("count", [0, 1, 2, 5, 50, 300])
def test_boxes_do_not_overlap_and_arrows_go_to_the_right(count: int) -> None:
    edges = scattered(count, count)
    widths = [80.0 + node % 7 * 10 for node in range(count)]
    placed = layout(widths, edges)
    for start, end in edges:
        assert placed.boxes[start].x + placed.boxes[start].width < placed.boxes[end].x
    for line in placed.lines:
        assert all(before[0] < after[0] for before, after in pairwise(line) if before[1] != after[1])
    columns: dict[float, list[float]] = {}
    for box in placed.boxes:
        columns.setdefault(box.x, []).append(box.y)
    gaps = [after - before for column in columns.values() for before, after in pairwise(sorted(column))]
    assert min(gaps, default=ROW + GAP) >= ROW + GAP - 0.001
    assert all(box.y >= ROW / 2 - 0.001 and box.y + ROW / 2 <= placed.height + 0.001 for box in placed.boxes)


def test_crossings_are_counted_as_by_hand() -> None:
    chance = random.Random(7)
    for _ in range(50):
        below = [[5 + chance.randrange(5) for _ in range(chance.randrange(3))] for _ in range(5)] + [[]] * 5
        edges = [(left, right) for left in range(5) for right in below[left]]
        pairs = [(one, two) for number, one in enumerate(edges) for two in edges[:number]]
        by_hand = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in pairs)
        assert crossings([list(range(5)), list(range(5, 10))], below) == by_hand


def test_a_ladder_is_drawn_without_crossings() -> None:
    edges = [(0, node) for node in range(1, 6)] + [(node, 11 - node) for node in range(1, 6)]
    placed = layout([80.0] * 11, edges)
    ordered = sorted(range(1, 6), key=lambda node: placed.boxes[node].y)
    assert sorted(range(6, 11), key=lambda node: placed.boxes[node].y) == [11 - node for node in ordered]


def test_the_picture_is_xml_with_a_box_a_line_and_a_title_for_each() -> None:
    graph = {"//:a": ["//:b & c.txt"]}
    picture = drawn(graph)
    text = svg(picture, "deps(//:a & <more>)")
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert [title.text for title in root.iter(f"{space}title")] == [
        "filegroup rule //:a\n/BUILD:1:1",
        "source file //:b & c.txt\n/BUILD:1:1",
    ]
    assert len([path for path in root.iter(f"{space}path") if path.get("class") == "edge"]) == 1
    assert text == svg(drawn(graph), "deps(//:a & <more>)")
    assert svg(picture, "x") in html(picture, "x")


@pytest.mark.parametrize(
    ("text", "short"),
    [("short", "short"), ("x" * 34, "x" * 34), ("begin_" + "x" * 40 + "_end", "begin_xxxxxxxxxx…xxxxxxxxxxxxx_end")],
)
def test_long_names_keep_beginning_and_end(text: str, short: str) -> None:
    assert shortened(text) == short
