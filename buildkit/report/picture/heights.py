"""How high each node of a column stands: as near to its neighbours as the order and the gaps allow.

In: the nodes of each column, in order; neighbours; how much room each takes. Out: heights of the middles, from 0.

In each column this is an isotonic regression: the pool-adjacent-violators algorithm finds the heights with the least
sum of squares.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

ROUNDS = 24


def heights(
    columns: Sequence[Sequence[int]],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
    size: Callable[[int], float],
) -> list[float]:
    """The height of each node's middle; the top of all is 0."""
    offsets = [_offsets(column, size) for column in columns]
    y = [0.0] * len(above)
    for column, offset in zip(columns, offsets, strict=True):
        for node, start in zip(column, offset, strict=True):
            y[node] = start - offset[-1] / 2
    numbers = list(range(len(columns)))
    for round in range(ROUNDS):
        for number in numbers if round % 2 == 0 else numbers[::-1]:
            _settle(columns[number], offsets[number], _wishes(columns[number], y, above, below, round), y)
    top = min((y[node] - size(node) / 2 for column in columns for node in column), default=0.0)
    return [one - top for one in y]


def _offsets(column: Sequence[int], size: Callable[[int], float]) -> list[float]:
    """The least distance of each node's middle from the first one's."""
    found = [0.0]
    for before, node in itertools.pairwise(column):
        found.append(found[-1] + (size(before) + size(node)) / 2)
    return found


def _wishes(
    column: Sequence[int], y: list[float], above: Sequence[Sequence[int]], below: Sequence[Sequence[int]], round: int
) -> list[float]:
    """Where each node would stand if it were alone: in the middle of its neighbours, of both sides at the end."""
    found: list[float] = []
    for node in column:
        nearer = above[node] if round % 2 == 0 else below[node]
        near = [*above[node], *below[node]] if round >= ROUNDS - 8 else nearer
        found.append(sum(y[one] for one in near) / len(near) if near else y[node])
    return found


def _settle(column: Sequence[int], offsets: Sequence[float], wishes: Sequence[float], y: list[float]) -> None:
    pools: list[list[float]] = []  # sum of wishes less offsets, how many
    for wish, offset in zip(wishes, offsets, strict=True):
        pools.append([wish - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    levels = [total / count for total, count in pools for _ in range(int(count))]
    for node, offset, level in zip(column, offsets, levels, strict=True):
        y[node] = level + offset
