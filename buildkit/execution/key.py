"""The key of an action: what its result depends on, and nothing else.

In: an action, and the digests of what it reads. Out: a `Key`. A tool's inputs enter without their paths, since a tool
sees none; a command's enter with them. Left out: labels, mnemonics, time limits, and whatever varies by machine, except
where a result is one machine's own (`root = "host"`, or no sandbox): such a key holds a marker of that machine.
"""

from __future__ import annotations

from collections.abc import Mapping

from buildkit.content import Blob
from buildkit.digest import Key
from buildkit.graph.action import HOST, Action, Artifact, Data

TOOL_DOMAIN = "action/tool/1"
RUN_DOMAIN = "action/run/1"
FETCH_DOMAIN = "action/fetch/1"

Blobs = Mapping[Artifact, Blob]


def tool_key(action: Action, version: int, blobs: Blobs) -> Key:
    """The key of a tool's action: the tool, its version, its arguments with artifacts replaced by their blobs."""
    arguments = {name: _identity(resolve(value, blobs)) for name, value in action.arguments.items()}
    outputs = [(name, artifact.tree) for name, artifact in action.outputs]
    return Key.of(TOOL_DOMAIN, action.tool, version, arguments, outputs)


def run_key(action: Action, environment: Mapping[str, str], blobs: Blobs, marker: str) -> Key:
    """The key of a command: `environment` is all that it sees, `marker` is '' where the machine does not matter."""
    inputs = sorted((action.place(artifact), *_blob(blobs[artifact])) for artifact in action.inputs)
    root = HOST if isinstance(action.root, str) else [_layers(blobs[layer]) for layer in action.root]
    outputs = sorted((name, artifact.tree) for name, artifact in action.outputs)
    return Key.of(RUN_DOMAIN, action.command, environment, inputs, outputs, root, marker)


def fetch_key(sha256: str) -> Key:
    """The key of a fetch: the digest of what it gives. It serves to remember a size that nobody declared."""
    return Key.of(FETCH_DOMAIN, sha256)


def resolve(value: Data, blobs: Blobs) -> object:
    """An argument as its tool gets it: artifacts become blobs, tuples lists."""
    match value:
        case Artifact():
            return blobs[value]
        case tuple():
            return [resolve(item, blobs) for item in value]
        case dict():
            return {name: resolve(item, blobs) for name, item in value.items()}
        case _:
            return value


def _identity(value: object) -> object:
    match value:
        case Blob():
            return ("blob", *_blob(value))
        case list():
            return [_identity(item) for item in value]
        case dict():
            # Some tools heed the order of a mapping, so the order is part of what is asked.
            return ("dict", *((name, _identity(item)) for name, item in value.items()))
        case _:
            return ("value", value)


def _layers(blob: Blob) -> object:
    return ("tree", blob.digest) if blob.tree else blob.digest


def _blob(blob: Blob) -> tuple[object, ...]:
    return blob.digest, blob.tree
