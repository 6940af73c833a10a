"""What a picture shows: few enough nodes to be read, and only the edges that say something.

In: targets and their dependencies. Out: `Diagram`. Files that only one target needs are one node where they
are many; a graph that is still large is drawn by package. Edges that follow from others are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from buildkit.graph.package import Target
from buildkit.label import Label
from buildkit.records import dataclass

FILES_SHOWN = 3  # that one target needs alone, before they become one node
MANY = 80  # nodes, from which on any two such files become one
MOST = 250  # nodes that are drawn one by one


@dataclass(frozen=True, slots=True)
class Node:
    """One box: what stands in it, and all that it stands for."""

    name: str
    place: str
    kind: str
    title: str
    root: bool = False


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes, and edges as pairs of their numbers; `left_out` says what is not shown one by one."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    left_out: str = ""


Edges = dict[str, tuple[str, ...]]


def diagram(
    targets: Mapping[Label, Target],
    needs: Callable[[Label], Iterable[Label]],
    roots: Iterable[Label],
    *,
    everything: bool = False,
) -> Diagram:
    """The diagram of a graph; with `everything`, each target is a node however many there are."""
    started = set(roots)
    nodes = {str(label): _node(target, label in started) for label, target in sorted(targets.items())}
    edges: Edges = {
        str(label): tuple(sorted({str(one) for one in needs(label) if one in targets})) for label in sorted(targets)
    }
    drawn = len(nodes)
    if not everything:
        nodes, edges = _with_files_together(nodes, edges, FILES_SHOWN if len(nodes) < MANY else 1)
    left_out = f"{drawn} targets; files that one target needs alone are one box" if len(nodes) < drawn else ""
    if len(nodes) > MOST and not everything:
        nodes, edges = _by_package(nodes, edges, targets)
        left_out = f"{drawn} targets in {len(nodes)} packages"
    return _numbered(nodes, _reduced(edges), left_out)


def _node(target: Target, root: bool) -> Node:
    label = target.label
    place = f"@{label.repository}//{label.package}" if label.repository else f"//{label.package}"
    return Node(label.name, place, target.kind, f"{target.kind} {label}\n{target.span}", root)


def _with_files_together(nodes: dict[str, Node], edges: Edges, shown: int) -> tuple[dict[str, Node], Edges]:
    needed_by: dict[str, list[str]] = {}
    for node, others in edges.items():
        for other in others:
            needed_by.setdefault(other, []).append(node)
    found, kept = dict(nodes), dict(edges)
    for node, others in edges.items():
        own = [one for one in others if nodes[one].kind == "source file" and needed_by[one] == [node]]
        if len(own) <= shown or any(nodes[one].root for one in own):
            continue
        for one in own:
            del found[one], kept[one]
        name = f"{node} files"
        titles = [nodes[one].title.partition("\n")[0].removeprefix("source file ") for one in own]
        found[name] = Node(f"{len(own)} files", nodes[own[0]].place, "source file", "\n".join(titles[:50]))
        kept[name] = ()
        kept[node] = (*(one for one in kept[node] if one not in own), name)
    return found, kept


def _by_package(nodes: dict[str, Node], edges: Edges, targets: Mapping[Label, Target]) -> tuple[dict[str, Node], Edges]:
    counts: dict[str, int] = {}
    for label in targets:
        place = f"@{label.repository}//{label.package}" if label.repository else f"//{label.package}"
        counts[place] = counts.get(place, 0) + 1
    roots = {node.place for node in nodes.values() if node.root}
    grouped = {
        place: Node(
            place,
            f"{count} target{'s' * (count != 1)}",
            "package",
            place,
            place in roots,
        )
        for place, count in sorted(counts.items())
    }
    between: dict[str, set[str]] = {place: set() for place in grouped}
    for node, others in edges.items():
        between[nodes[node].place] |= {nodes[one].place for one in others} - {nodes[node].place}
    return grouped, {place: tuple(sorted(others)) for place, others in between.items()}


def _reduced(edges: Edges) -> Edges:
    """Without the edges that lead where another way leads too."""
    order = _in_order(edges)
    number = {node: place for place, node in enumerate(order)}
    below: dict[str, int] = {}  # bit sets
    found: Edges = {}
    for node in reversed(order):
        onward = [one for one in edges[node] if number[one] > number[node]]
        inner = 0
        for one in onward:
            inner |= below[one]
        found[node] = tuple(one for one in onward if not inner >> number[one] & 1)
        below[node] = inner | sum(1 << number[one] for one in onward)
    return found


def _in_order(edges: Edges) -> list[str]:
    """Each node before those that it needs; where packages need each other in circles, by name."""
    waiting = dict.fromkeys(edges, 0)
    for others in edges.values():
        for one in others:
            waiting[one] += 1
    ready = [node for node in edges if not waiting[node]]
    left = dict.fromkeys(edges)
    order: list[str] = []
    while left:
        if not ready:
            ready = [min(left, key=lambda node: (waiting[node], node))]
        for node in ready:  # grows while it is walked
            if node not in left:
                continue
            del left[node]
            order.append(node)
            for one in edges[node]:
                waiting[one] -= 1
                if not waiting[one] and one in left:
                    ready.append(one)
        ready = []
    return order


def _numbered(nodes: dict[str, Node], edges: Edges, left_out: str) -> Diagram:
    order = sorted(nodes, key=lambda name: (nodes[name].place, nodes[name].name, name))
    number = {name: place for place, name in enumerate(order)}
    pairs = sorted((number[node], number[one]) for node, others in edges.items() for one in others)
    return Diagram(tuple(nodes[name] for name in order), tuple(pairs), left_out)
