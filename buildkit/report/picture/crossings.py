"""How many edges between neighbouring columns cross each other.

In: the nodes of each column, in order; the neighbours of each to the right. Out: a count.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def crossings(columns: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    """All crossings, column by column."""
    return sum(
        _between(left, {node: place for place, node in enumerate(right)}, below)
        for left, right in itertools.pairwise(columns)
    )


def _between(left: Sequence[int], place: dict[int, int], below: Sequence[Sequence[int]]) -> int:
    """Inversions among the right ends of edges, taken in the order of their left ends (a Fenwick tree counts)."""
    ends = [end for node in left for end in sorted(place[one] for one in below[node])]
    tree = [0] * (len(place) + 1)
    found = 0
    for seen, end in enumerate(ends):
        found += seen - _sum(tree, end + 1)
        _add(tree, end + 1)
    return found


def _sum(tree: list[int], index: int) -> int:
    total = 0
    while index:
        total += tree[index]
        index &= index - 1
    return total


def _add(tree: list[int], index: int) -> None:
    while index < len(tree):
        tree[index] += 1
        index += index & -index
