"""Walks over a directed graph, each on a stack or queue of its own: a graph may be deeper than Python's calls.

In: nodes, and a function that gives the successors of one. Out: nodes, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def reachable(
    starts: Iterable[Node], successors: Callable[[Node], Iterable[Node]], depth: int | None = None
) -> dict[Node, None]:
    """The nodes that can be reached in at most `depth` steps, nearest first; `starts` among them."""
    found = dict.fromkeys(starts)
    edge = list(found)
    while edge and (depth is None or depth > 0):
        after: list[Node] = []
        for node in edge:
            for successor in successors(node):
                if successor not in found:
                    found[successor] = None
                    after.append(successor)
        edge, depth = after, None if depth is None else depth - 1
    return found


def reversed_edges(nodes: Iterable[Node], successors: Callable[[Node], Iterable[Node]]) -> dict[Node, list[Node]]:
    """Of each node those among `nodes` that have it as a successor."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        for successor in successors(node):
            found.setdefault(successor, []).append(node)
    return found


def reaching(
    universe: Iterable[Node],
    ends: Iterable[Node],
    successors: Callable[[Node], Iterable[Node]],
    depth: int | None = None,
) -> dict[Node, None]:
    """The nodes of the closure of `universe` that reach one of `ends` in at most `depth` steps."""
    closure = reachable(universe, successors)
    back = reversed_edges(closure, successors)
    return reachable([end for end in ends if end in closure], lambda node: back.get(node, ()), depth)


def some_path(
    starts: Iterable[Node], ends: Mapping[Node, None], successors: Callable[[Node], Iterable[Node]]
) -> list[Node]:
    """A shortest path from one of `starts` to one of `ends`, or nothing."""
    came_from: dict[Node, Node | None] = dict.fromkeys(starts)
    queue = list(came_from)
    for node in queue:  # grows while it is walked
        if node in ends:
            return _back(node, came_from)
        for successor in successors(node):
            if successor not in came_from:
                came_from[successor] = node
                queue.append(successor)
    return []


def _back(node: Node, came_from: Mapping[Node, Node | None]) -> list[Node]:
    path = [node]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    return path[::-1]


def total_order(nodes: Sequence[Node], successors: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """Each node before its successors, otherwise by name: the reverse of a depth-first walk from each in turn."""
    among, left = set(nodes), []
    seen: set[Node] = set()
    for start in nodes:
        stack = [(start, iter(_within(start, among, successors)))] if start not in seen else []
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            inner = next((one for one in rest if one not in seen), None)
            if inner is None:
                left.append(node)
                stack.pop()
            else:
                seen.add(inner)
                stack.append((inner, iter(_within(inner, among, successors))))
    return left[::-1]


def _within(node: Node, among: set[Node], successors: Callable[[Node], Iterable[Node]]) -> list[Node]:
    return sorted({one for one in successors(node) if one in among})  # type: ignore[type-var]
