"""The keys of actions, as far as they can be told without running anything.

In: an action graph and a machine. Out: keys by an action's number. A key depends on the digests of what is read: of
sources (a large one that was never read is not read for this), and of what earlier actions gave, if the cache knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from buildkit.content import Blob
from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, InternalError
from buildkit.execution.environment import environment
from buildkit.execution.key import Blobs, fetch_key, run_key, tool_key
from buildkit.execution.machine import Machine
from buildkit.execution.marker import machine_marker
from buildkit.execution.sources import Sources
from buildkit.graph.action import HOST, Action, ActionGraph, ActionKind, Artifact
from buildkit.store import is_promise


def key_of(machine: Machine, action: Action, blobs: Blobs) -> Key:
    """The key of a tool's action or a command's, whose inputs are known."""
    if action.kind is ActionKind.TOOL:
        tool = machine.tools.get(action.tool)
        if tool is None:
            raise InternalError(f"{action.owner}: no tool is called '{action.tool}'")
        return tool_key(action, tool.version, blobs)
    own = action.root == HOST or machine.sandbox.kind == "none"
    marker = f"{machine.sandbox.kind == 'none'} {machine_marker(machine.store.root)}" if own else ""
    return run_key(action, environment(action.environment), blobs, marker)


def known_keys(graph: ActionGraph, numbers: Iterable[int], machine: Machine) -> dict[int, Key | Artifact]:
    """Of each action its key, or the artifact whose digest is not known yet."""
    wanted = [artifact for number in numbers for _, artifact in graph.actions[number].outputs]
    sources = Sources(machine.store, machine.locate)
    blobs: dict[Artifact, Blob] = {}
    found: dict[int, Key | Artifact] = {}
    for number in graph.needed(wanted):
        action = graph.actions[number]
        found[number] = key = _key(machine, action, sources, blobs)
        if isinstance(key, Key):
            _learn(machine, action, key, blobs)
    return found


def _key(machine: Machine, action: Action, sources: Sources, blobs: dict[Artifact, Blob]) -> Key | Artifact:
    if action.kind is ActionKind.FETCH:
        return fetch_key(str(action.arguments["sha256"]))
    for artifact in action.needs:
        if artifact.source and artifact not in blobs:
            _read(sources, artifact, blobs)
        if artifact not in blobs:
            return artifact
    return key_of(machine, action, blobs)


def _read(sources: Sources, artifact: Artifact, blobs: dict[Artifact, Blob]) -> None:
    try:
        blob = sources.promised(artifact)
    except BuildError:  # it is not there
        return
    if not is_promise(blob.digest):
        blobs[artifact] = blob


def _learn(machine: Machine, action: Action, key: Key, blobs: dict[Artifact, Blob]) -> None:
    result = machine.actions.get(key)
    for name, artifact in action.outputs:
        if action.kind is ActionKind.FETCH:
            digest = _fetched(action) or (result.outputs["file"] if result else None)
        else:
            digest = result.outputs.get(name) if result else None
        if digest:
            blobs[artifact] = Blob(digest, artifact.tree)


def _fetched(action: Action) -> Digest | None:
    size = action.arguments.get("size", -1)
    return Digest(str(action.arguments["sha256"]), size) if isinstance(size, int) and size >= 0 else None
