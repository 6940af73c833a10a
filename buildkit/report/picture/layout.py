"""Where the boxes of a diagram stand: in columns, by their distance from the roots.

In: widths of nodes, and edges that form no circle. Out: `Layout`: a place for each node, a line for each edge.

A layered layout (Sugiyama): the column of a node is the longest way to it; an edge that spans several columns gets a
bend in each; the order in a column is found by barycentres, keeping the one with the fewest crossings; heights are the
nearest to the neighbours' that keep order and gaps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from buildkit.records import dataclass
from buildkit.report.picture.crossings import crossings
from buildkit.report.picture.heights import heights

ROW, GAP = 34.0, 14.0  # a box's height, and the least space between two
BEND = 8.0  # the height of an edge that passes a column
COLUMN_GAP = 70.0
SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A place: left edge, middle, and width."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes by node, the points of each edge, and the size of all."""

    boxes: tuple[Box, ...]
    lines: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def layout(widths: Sequence[float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out nodes 0 … n-1. Deterministic."""
    graph = _Graph(len(widths), edges)
    columns = _ordered(graph)
    y = heights(columns, graph.above, graph.below, graph.size)
    x = _lefts(columns, widths)
    boxes = tuple(Box(x[graph.rank[node]][0], y[node], widths[node]) for node in range(len(widths)))
    lines = tuple(_line(way, boxes, graph, x, y) for way in graph.ways)
    bottom = max((box.y for box in boxes), default=0.0) + ROW / 2
    return Layout(boxes, lines, max((box.x + box.width for box in boxes), default=0.0), bottom)


class _Graph:
    """Nodes and bends; `ways` are the edges as chains through bends."""

    def __init__(self, count: int, edges: Sequence[tuple[int, int]]) -> None:
        self.real = count
        self.rank = _ranks(count, edges)
        self.above: list[list[int]] = [[] for _ in range(count)]
        self.below: list[list[int]] = [[] for _ in range(count)]
        self.ways = [self._way(start, end) for start, end in edges]

    def _way(self, start: int, end: int) -> list[int]:
        way = [start]
        for rank in range(self.rank[start] + 1, self.rank[end]):
            self.rank.append(rank)
            self.above.append([])
            self.below.append([])
            way.append(len(self.rank) - 1)
        way.append(end)
        for left, right in itertools.pairwise(way):
            self.below[left].append(right)
            self.above[right].append(left)
        return way

    def size(self, node: int) -> float:
        """The room that it takes in its column."""
        return ROW + GAP if node < self.real else BEND + GAP / 2


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    below: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for start, end in edges:
        below[start].append(end)
        waiting[end] += 1
    rank = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:  # grows while it is walked
        for one in below[node]:
            rank[one] = max(rank[one], rank[node] + 1)
            waiting[one] -= 1
            if not waiting[one]:
                ready.append(one)
    return rank


def _ordered(graph: _Graph) -> list[list[int]]:
    """The nodes of each column, in an order with few crossings."""
    columns: list[list[int]] = [[] for _ in range(max(graph.rank, default=-1) + 1)]
    for node, rank in enumerate(graph.rank):
        columns[rank].append(node)
    best, fewest = [list(column) for column in columns], crossings(columns, graph.below)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        downward = sweep % 2 == 0
        for column in columns if downward else reversed(columns):
            _sort_column(column, columns, graph, graph.above if downward else graph.below)
        found = crossings(columns, graph.below)
        if found < fewest:
            best, fewest = [list(column) for column in columns], found
    return best


def _sort_column(column: list[int], columns: list[list[int]], graph: _Graph, fixed: list[list[int]]) -> None:
    neighbours = {other for node in column for other in fixed[node]}
    place = {
        node: (index + 0.5) / len(columns[rank])
        for rank in {graph.rank[one] for one in neighbours}
        for index, node in enumerate(columns[rank])
    }
    own = {node: (index + 0.5) / len(column) for index, node in enumerate(column)}
    weight = {
        node: sum(place[one] for one in fixed[node]) / len(fixed[node]) if fixed[node] else own[node] for node in column
    }
    column.sort(key=lambda node: (weight[node], own[node]))


def _lefts(columns: Sequence[Sequence[int]], widths: Sequence[float]) -> list[tuple[float, float]]:
    """The left and right edge of each column."""
    found: list[tuple[float, float]] = []
    left = 0.0
    for number, column in enumerate(columns):
        width = max((widths[node] for node in column if node < len(widths)), default=0.0)
        found.append((left, left + width))
        after = len(columns[number + 1]) if number + 1 < len(columns) else 0
        left += width + COLUMN_GAP + min(60.0, 0.8 * max(len(column), after))
    return found


def _line(
    way: Sequence[int], boxes: Sequence[Box], graph: _Graph, x: list[tuple[float, float]], y: Sequence[float]
) -> tuple[tuple[float, float], ...]:
    first, last = boxes[way[0]], boxes[way[-1]]
    points = [(first.x + first.width, first.y)]
    for bend in way[1:-1]:
        left, right = x[graph.rank[bend]]
        points += [(left, y[bend]), (right, y[bend])]
    return (*points, (last.x, last.y))
