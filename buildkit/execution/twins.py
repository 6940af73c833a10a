"""Actions that do the same work, as they are in a target that is configured several times: the later ones wait.

In: an action graph, and the numbers of actions in an order of dependencies. Out: the earlier twin of each that has one.
Once that is done, the cache has what the later one would give.
"""

from __future__ import annotations

from collections.abc import Iterable

from buildkit.graph.action import Action, ActionGraph, ActionKind, Artifact, Data


def twins(graph: ActionGraph, order: Iterable[int]) -> dict[int, int]:
    """The numbers of actions, each with that of the first one that does the same; empty for one configuration."""
    numbers = list(order)
    if not any(graph.actions[number].configuration for number in numbers):
        return {}
    first: dict[object, int] = {}
    same: dict[Artifact, Artifact] = {}
    found: dict[int, int] = {}
    for number in numbers:
        action = graph.actions[number]
        twin = first.setdefault(_work(action, same), number)
        if twin != number:
            found[number] = twin
            named = dict(graph.actions[twin].outputs)
            same |= {artifact: same.get(named[name], named[name]) for name, artifact in action.outputs}
    return found


def _work(action: Action, same: dict[Artifact, Artifact]) -> object:
    """What an action does, in a form that two can be compared by."""
    root = action.root if isinstance(action.root, str) else tuple(same.get(layer, layer) for layer in action.root)
    inputs: object = ()
    if action.kind is ActionKind.RUN:  # a tool's are in its arguments
        inputs = frozenset((action.place(one), same.get(one, one)) for one in action.inputs)
    outputs = tuple((name, artifact.tree) for name, artifact in action.outputs)
    arguments = _frozen(action.arguments, same)
    return action.kind, action.tool, arguments, inputs, action.command, action.environment, root, outputs


def _frozen(data: Data, same: dict[Artifact, Artifact]) -> object:
    match data:
        case Artifact():
            return same.get(data, data)
        case tuple():
            return tuple(_frozen(item, same) for item in data)
        case dict():
            return tuple((name, _frozen(item, same)) for name, item in data.items())
        case _:
            return type(data), data
