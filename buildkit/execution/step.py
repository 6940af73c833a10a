"""One action: its key, the cache, and if that has nothing, the work.

In: an action and the blobs of the derived artifacts that it reads. Out: `Done`, or `Missing`: the
fetched files whose bytes must be there first. Methods are called from many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from buildkit.content import Blob, Entry, Tree
from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildFailure, InternalError
from buildkit.events import ActionStarted, Listener
from buildkit.execution.container import Stopped, run_command
from buildkit.execution.environment import environment
from buildkit.execution.key import fetch_key, resolve
from buildkit.execution.known import key_of
from buildkit.execution.machine import Machine, Tool
from buildkit.execution.sources import Sources
from buildkit.graph.action import HOST, Action, ActionKind, Artifact
from buildkit.records import dataclass
from buildkit.store import ActionResult
from buildkit.store.blobs import is_promise


@dataclass(frozen=True, slots=True)
class Done:
    """An action's outputs, by name; whether it was really executed."""

    key: str
    outputs: Mapping[str, Digest]
    ran: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """Inputs whose digests are known and whose bytes are not there."""

    artifacts: tuple[Artifact, ...]


Blobs = dict[Artifact, Blob]


class Step:
    """Does actions on a machine."""

    def __init__(self, machine: Machine, stop: threading.Event, listener: Listener) -> None:
        self.stop = stop
        self.sources = Sources(machine.store, machine.locate)
        self._machine = machine
        self._listener = listener

    def promised(self, action: Action) -> Done | None:
        """What a fetch will give, if its definition or an earlier build says so."""
        arguments = action.arguments
        sha256, size = str(arguments["sha256"]), arguments.get("size", -1)
        key = fetch_key(sha256)
        name = action.outputs[0][0]
        if isinstance(size, int) and size >= 0:
            return Done(key.hex, {name: Digest(sha256, size)}, ran=False)
        known = self._machine.actions.get(key)
        return Done(key.hex, {name: known.outputs["file"]}, ran=False) if known else None

    def has(self, blob: Blob) -> bool:
        """Whether a blob's bytes are at hand."""
        return self._machine.store.has(blob.digest)

    def fetch(self, number: int, action: Action) -> Done | Missing:
        """Get the bytes of a fetch, unless the store has them."""
        self._check_stopped()
        known = self.promised(action)
        if known and all(self._machine.store.has(digest) for digest in known.outputs.values()):
            return known
        self._tell_start(number, action)
        try:
            digest = self._machine.fetch({name: resolve(value, {}) for name, value in action.arguments.items()})
        except BuildError as error:
            raise error.noted(f"needed by {action.owner}") from error
        key = fetch_key(digest.hex)
        self._machine.actions.put(key, ActionResult({"file": digest}))
        return Done(key.hex, {action.outputs[0][0]: digest}, ran=True)

    def run(self, number: int, action: Action, derived: Mapping[Artifact, Blob]) -> Done | Missing:
        """Do a tool's or a command's action, unless the cache knows what it gives."""
        self._check_stopped()
        blobs = dict(derived) | self._sources(action)
        if any(is_promise(blob.digest) for blob in blobs.values()):
            return self._missing(derived) or self._stream(number, action, blobs)
        blobs |= {source: self.sources.settled(source) for source in action.needs if source.source}
        key = key_of(self._machine, action, blobs)
        found = self._machine.actions.get(key)
        if found and self._usable(action, found):
            self._share(action, key, found)
            return Done(key.hex, found.outputs, ran=False)
        if found := self._shared(action, key):
            return Done(key.hex, found.outputs, ran=False)
        if missing := self._missing(derived):
            return missing
        self._check_stopped()
        self._tell_start(number, action)
        result = self._work(action, key, blobs)
        self.sources.check(action.needs)
        self._machine.actions.put(key, result)
        self._share(action, key, result)
        return Done(key.hex, result.outputs, ran=True)

    def _shared(self, action: Action, key: Key) -> ActionResult | None:
        """What another machine keeps for us."""
        shared = self._machine.shared
        found = shared.find(key, partial(self._usable, action)) if shared and self._is_shared(action) else None
        if found:
            self._machine.actions.put(key, found)
        return found

    def _share(self, action: Action, key: Key, result: ActionResult) -> None:
        """Keep a result for other machines, with all bytes that it stands for, unless they have it."""
        shared = self._machine.shared
        if not shared or not self._is_shared(action) or not shared.lacks(key):
            return
        folders = [result.outputs[name] for name, artifact in action.outputs if artifact.tree]
        inside = [entry.digest for folder in folders for entry in self._entries(folder) if entry.digest]
        shared.offer(key, result, [*result.digests(), *inside])

    def _is_shared(self, action: Action) -> bool:
        """Whether the result is every machine's, and dear enough; what ran with this machine's programs stays here."""
        if action.kind is ActionKind.TOOL:
            return self._tool(action).costly
        return action.root != HOST and self._machine.sandbox.kind != "none"

    def _entries(self, folder: Digest) -> Sequence[Entry]:
        return Tree.from_json(self._machine.store.read(folder)).entries

    def _usable(self, action: Action, result: ActionResult) -> bool:
        """Whether every byte of a cached result can still be had."""
        trees = {name for name, artifact in action.outputs if artifact.tree}
        names = {name for name, _ in action.outputs}
        return names <= set(result.outputs) and all(
            self._has(digest, tree=name in trees) for name, digest in result.outputs.items()
        )

    def _has(self, digest: Digest, *, tree: bool) -> bool:
        store = self._machine.store
        if not tree or not store.has(digest):
            return store.has(digest)
        return all(store.has(entry.digest) for entry in self._entries(digest) if entry.digest)

    def _missing(self, derived: Mapping[Artifact, Blob]) -> Missing | None:
        lost = tuple(artifact for artifact, blob in derived.items() if not self._machine.store.has(blob.digest))
        return Missing(lost) if lost else None

    def _work(self, action: Action, key: Key, blobs: Blobs) -> ActionResult:
        if action.kind is ActionKind.TOOL:
            return ActionResult(self._call(action, blobs))
        machine = self._machine
        variables = environment(action.environment)
        return run_command(action, key, variables, blobs, machine.store, machine.sandbox, self.stop)

    def _call(self, action: Action, blobs: Blobs) -> Mapping[str, Digest]:
        tool, store = self._tool(action), self._machine.store
        arguments: dict[str, Any] = {name: resolve(value, blobs) for name, value in action.arguments.items()}
        try:
            outputs = tool.function(store, **arguments)
        except BuildFailure as error:
            raise error.noted(f"while making '{action.subject}' for {action.owner}") from error
        declared = {name for name, _ in action.outputs}
        if not declared <= set(outputs):
            raise InternalError(f"tool '{tool.name}' gave {sorted(outputs)}, declared are {sorted(declared)}")
        return outputs

    def _sources(self, action: Action) -> Blobs:
        """The action's sources; stand-ins for big unread ones where its tool finds their digests on the way."""
        tool = self._tool(action) if action.kind is ActionKind.TOOL else None
        look = self.sources.promised if tool is not None and tool.streams else self.sources.blob
        return {source: look(source) for source in action.needs if source.source}

    def _stream(self, number: int, action: Action, blobs: Blobs) -> Done:
        """Run a tool before its key is known: it reads sources under stand-ins for their digests."""
        self._tell_start(number, action)
        outputs = self._call(action, blobs)
        blobs |= {source: self.sources.settled(source) for source in action.needs if source.source}
        self.sources.check(action.needs)
        key = key_of(self._machine, action, blobs)
        self._machine.actions.put(key, ActionResult(outputs))
        return Done(key.hex, outputs, ran=True)

    def _tool(self, action: Action) -> Tool:
        tool = self._machine.tools.get(action.tool)
        if tool is None:
            raise InternalError(f"{action.owner}: no tool is called '{action.tool}'")
        return tool

    def _tell_start(self, number: int, action: Action) -> None:
        self._listener(ActionStarted(number, action.mnemonic, action.owner, action.subject))

    def _check_stopped(self) -> None:
        if self.stop.is_set():
            raise Stopped
