"""Actions, as `mbuild aquery` prints them.

In: actions with their keys, or with the artifact that a key waits for. Out: lines.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from buildkit.digest import Key
from buildkit.graph.action import Action, Artifact, Data
from buildkit.records import dataclass

Row = tuple[Action, Key | Artifact]


@dataclass(frozen=True, slots=True)
class ListedActions:
    """What is to be printed."""

    rows: Sequence[Row]
    configuration: str


def _text(listed: ListedActions) -> Iterator[str]:
    for action, key in listed.rows:
        yield f"action '{action.mnemonic} {action.subject}'"
        for name, value in _facts(action, key, action.configuration or listed.configuration):
            yield f"  {name}: {value}"
        yield ""


def _facts(action: Action, key: Key | Artifact, configuration: str) -> Iterator[tuple[str, str]]:
    yield "Mnemonic", action.mnemonic
    yield "Target", str(action.owner)
    yield "Configuration", configuration
    yield "Key", key.hex if isinstance(key, Key) else f"unknown until {_waits(key)}"
    yield "Inputs", _paths(action.inputs)
    yield "Outputs", _paths(artifact for _, artifact in action.outputs)
    if action.tool:
        yield "Tool", action.tool
    if action.arguments:
        yield "Arguments", json.dumps(_plain(action.arguments), ensure_ascii=False)
    if action.command:
        yield "Root", action.root if isinstance(action.root, str) else _paths(action.root)
        yield "Environment", "[" + ", ".join(f"{name}={value}" for name, value in action.environment) + "]"
        yield "Time limit", f"{action.timeout} s"
        yield "Command line", shlex.join(action.command)


def _waits(artifact: Artifact) -> str:
    return f"'{artifact.path}' is read" if artifact.source else f"{artifact.owner} is built"


def _paths(artifacts: Any) -> str:
    return "[" + ", ".join(artifact.path for artifact in artifacts) + "]"


def _plain(data: Data) -> Any:
    match data:
        case Artifact():
            return data.path
        case tuple():
            return [_plain(item) for item in data]
        case dict():
            return {name: _plain(item) for name, item in data.items()}
    return data


def _jsonl(listed: ListedActions) -> Iterator[str]:
    return (
        json.dumps(_described(*row, row[0].configuration or listed.configuration), ensure_ascii=False)
        for row in listed.rows
    )


def _json(listed: ListedActions) -> Iterator[str]:
    yield "[" + ",\n".join(_jsonl(listed)) + "]"


def _described(action: Action, key: Key | Artifact, configuration: str) -> dict[str, Any]:
    return {
        "mnemonic": action.mnemonic,
        "target": str(action.owner),
        "configuration": configuration,
        "kind": str(action.kind),
        "key": key.hex if isinstance(key, Key) else None,
        "unknown_until": None if isinstance(key, Key) else str(key.owner),
        "tool": action.tool or None,
        "arguments": _plain(action.arguments),
        "command": list(action.command),
        "environment": dict(action.environment),
        "root": action.root if isinstance(action.root, str) else [layer.path for layer in action.root],
        "timeout": action.timeout,
        "inputs": [artifact.path for artifact in action.inputs],
        "outputs": {name: artifact.path for name, artifact in action.outputs},
    }


def _summary(listed: ListedActions) -> Iterator[str]:
    actions = [action for action, _ in listed.rows]
    known = sum(isinstance(key, Key) for _, key in listed.rows)
    yield f"{len(actions)} actions of {len({action.owner for action in actions})} targets, known keys: {known}"
    for title, counts in (
        ("mnemonics", Counter(action.mnemonic for action in actions)),
        ("kinds", Counter(str(action.kind) for action in actions)),
        ("tools", Counter(action.tool for action in actions if action.tool)),
    ):
        if counts:
            yield f"{title}:"
        yield from (f"  {name}: {number}" for name, number in sorted(counts.items(), key=lambda one: (-one[1], one[0])))


ACTION_FORMATS: dict[str, Callable[[ListedActions], Iterator[str]]] = {
    "text": _text,
    "json": _json,
    "jsonl": _jsonl,
    "summary": _summary,
}
