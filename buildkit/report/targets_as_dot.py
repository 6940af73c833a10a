"""Targets as a graph in Graphviz's language, and by their distance from the roots.

In: labels and their dependencies, of which only those among the labels count. Out: lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from buildkit.label import Label

Needs = Callable[[Label], Sequence[Label]]


def dot(labels: Sequence[Label], needs: Needs, *, factored: bool) -> Iterator[str]:
    """A digraph, sorted. With `factored`, labels with the same edges in and out are one node, as Bazel has it."""
    edges = _edges(labels, needs)
    groups = _factored(edges) if factored else [(label,) for label in sorted(edges)]
    node = {label: group for group in groups for label in group}
    yield "digraph mbuild {"
    yield "  node [shape=box];"
    for group in groups:
        yield f"  {_quoted(group)}"
        for other in sorted({node[needed] for needed in edges[group[0]]}):
            yield f"  {_quoted(group)} -> {_quoted(other)}"
    yield "}"


def _edges(labels: Sequence[Label], needs: Needs) -> dict[Label, tuple[Label, ...]]:
    among = set(labels)
    return {label: tuple(sorted({one for one in needs(label) if one in among})) for label in labels}


def _factored(edges: dict[Label, tuple[Label, ...]]) -> list[tuple[Label, ...]]:
    before: dict[Label, list[Label]] = {label: [] for label in edges}
    for label in sorted(edges):
        for needed in edges[label]:
            before[needed].append(label)
    groups: dict[tuple[object, ...], list[Label]] = {}
    for label in sorted(edges):
        groups.setdefault((edges[label], tuple(before[label])), []).append(label)
    return sorted(map(tuple, groups.values()))


def _quoted(group: tuple[Label, ...]) -> str:
    inner = "\\n".join(str(label).replace("\\", "\\\\").replace('"', '\\"') for label in group)
    return f'"{inner}"'


def ranked(labels: Sequence[Label], needs: Needs, *, longest: bool) -> Iterator[str]:
    """`rank label`, by rank: how far each is from the roots on the shortest or the longest way."""
    ranks = ranks_of(labels, needs, longest=longest)
    return (f"{rank} {label}" for label, rank in sorted(ranks.items(), key=lambda item: (item[1], item[0])))


def ranks_of(labels: Sequence[Label], needs: Needs, *, longest: bool) -> dict[Label, int]:
    """The rank of each label: 0 for those that no other needs."""
    edges = _edges(labels, needs)
    waiting = dict.fromkeys(edges, 0)
    for needed in (one for several in edges.values() for one in several):
        waiting[needed] += 1
    ready = [label for label in sorted(edges) if not waiting[label]]
    ranks = dict.fromkeys(ready, 0)
    choose = max if longest else min
    for label in ready:  # grows while it is walked: each label after all that need it
        for needed in edges[label]:
            ranks[needed] = choose(ranks.get(needed, ranks[label] + 1), ranks[label] + 1)
            waiting[needed] -= 1
            if not waiting[needed]:
                ready.append(needed)
    return ranks
