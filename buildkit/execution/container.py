"""A command's action: its inputs laid out, its root made, its command run, its outputs taken.

In: a RUN action and its inputs' blobs. Out: an `ActionResult`. Raises BuildFailure when the command fails.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from buildkit.content import Blob
from buildkit.digest import Digest, Key
from buildkit.errors import BuildFailure
from buildkit.execution.collecting import collect, put_file
from buildkit.execution.failure import command_failure, not_for_here, output_failure
from buildkit.execution.placing import place
from buildkit.execution.processor import foreign
from buildkit.execution.root import host_root, prepare_root
from buildkit.execution.sandbox.request import OUT, WORK, Bind, Command, Root, Sandbox
from buildkit.graph.action import Action, Artifact
from buildkit.store import ActionResult, BlobStore
from buildkit.store.faults import writing

_NOT_STARTED = (126, 127)  # what shells and sandboxes say where a program cannot be run, or a part of it is not there


class Stopped(Exception):
    """The build was stopped while this action ran; it has no result."""


def run_command(
    action: Action,
    key: Key,
    environment: Mapping[str, str],
    blobs: Mapping[Artifact, Blob],
    store: BlobStore,
    sandbox: Sandbox,
    stop: threading.Event,
) -> ActionResult:
    """Run a command action once."""
    root = _root(action, blobs, store)
    log = store.root / "logs" / f"{key.hex}.log"
    with writing("an action's files", store.root), store.temporary() as scratch:
        log.unlink(missing_ok=True)
        out, work = scratch / "out", scratch / "build"
        out.mkdir()
        out.chmod(0o755)  # whatever the umask
        for name, _ in action.outputs:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "out").mkdir(parents=True)
        binds = place([(action.place(artifact), blobs[artifact]) for artifact in action.inputs], work, WORK, store)
        command = Command(
            argv=action.command,
            environment=tuple(environment.items()),
            root=root,
            scratch=scratch,
            mounts=(Bind(WORK, work), Bind(OUT, out, writable=True), *binds),
            timeout=float(action.timeout),
        )
        printed = scratch / "log"
        with printed.open("wb") as file:
            ended = sandbox.run(command, lambda data: _write(file, data), stop)
        if ended.stopped:
            raise Stopped
        if not ended.ok:
            failure = command_failure(action, ended, _shown(printed, log))
            other = foreign(root, action.command[0]) if ended.exit_code in _NOT_STARTED else None
            raise not_for_here(action, *other) if other else failure
        try:
            outputs = collect(out, action.outputs, store)
        except BuildFailure as error:
            raise output_failure(action, error, _shown(printed, log)) from error
        return ActionResult(outputs, 0, put_file(printed, store) if printed.stat().st_size else None)


def _root(action: Action, blobs: Mapping[Artifact, Blob], store: BlobStore) -> Root:
    if isinstance(action.root, str):
        return host_root()
    layers: list[Digest] = [digest for layer in action.root for digest in blobs[layer].parts(store.read)]
    try:
        return prepare_root(layers, store)
    except BuildFailure as error:
        raise error.noted(f"while making the root of {action.owner}") from error


def _write(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _shown(printed: Path, log: Path) -> Path:
    """Put what a command printed, if anything, where a person may look. Equal actions may run at once: each has its own
    file until then.
    """
    if printed.stat().st_size:
        log.parent.mkdir(parents=True, exist_ok=True)
        printed.replace(log)
    return log
