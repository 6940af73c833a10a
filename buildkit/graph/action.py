"""What will run, as plain data: artifacts, and the actions that make them from each other.

In: what rules declare. Out: `ActionGraph`. Nothing here has content: an artifact is a name, an action a definition
whose key `execution` computes once the digests of its inputs are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from buildkit.errors import InternalError
from buildkit.label import Label
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or (`tree`) a folder that actions read and write, at its path from the workspace's root.

    `owner` is the target that makes it; for a source it is the file's own label. `root` is the folder around what a
    configuration makes other than the one that was asked for: `path` begins with it.
    """

    owner: Label
    path: str
    tree: bool = False
    source: bool = False
    root: str = ""

    @property
    def short_path(self) -> str:
        """Its path in any configuration."""
        return self.path[len(self.root) + 1 :] if self.root else self.path


class ActionKind(StrEnum):
    """How an action is carried out."""

    TOOL = "tool"  # a pure function of mbuild's own
    RUN = "run"  # a command in a sandboxed root
    FETCH = "fetch"  # bytes from outside, named by their sha256


# Plain data in which artifacts may stand: what a tool is given. Sequences are tuples, mappings are dicts.
Data = None | bool | int | float | str | Artifact | tuple["Data", ...] | dict[str, "Data"]

HOST = "host"


@dataclass(frozen=True, slots=True)
class Action:
    """One step of work.

    TOOL: `tool` names the function, `arguments` are its parameters. FETCH: `arguments` say what to fetch (source,
    name, version, filename, urls, sha256, size). RUN: `command` runs with `environment` in `root` (layer blobs,
    lowest first, or "host"), in /build, where inputs are found at their paths and each output is left at out/NAME.
    `outputs` pairs an output's name with its artifact. `stripped` is the folder that a command does not see: files of
    the action's own configuration lie at their short paths, so that the same work has one key in all configurations.
    `configuration` is the short name of that, where it is not the one that was asked for.
    """

    owner: Label
    mnemonic: str
    kind: ActionKind
    outputs: tuple[tuple[str, Artifact], ...]
    tool: str = ""
    arguments: dict[str, Data] = field(default_factory=dict)
    inputs: tuple[Artifact, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    root: tuple[Artifact, ...] | str = ()
    timeout: int = 3600
    stripped: str = ""
    configuration: str = ""

    def place(self, artifact: Artifact) -> str:
        """Where a command finds an input."""
        return artifact.short_path if self.stripped and artifact.root == self.stripped else artifact.path

    @property
    def subject(self) -> str:
        """What a progress line shows: the first output's path."""
        return self.outputs[0][1].path if self.outputs else str(self.owner)

    @property
    def needs(self) -> tuple[Artifact, ...]:
        """Everything that must exist before: inputs, and the layers of the root."""
        layers = () if isinstance(self.root, str) else self.root
        return tuple(dict.fromkeys((*self.inputs, *layers)))


@dataclass(frozen=True, slots=True)
class ActionGraph:
    """All declared actions; a derived artifact has exactly one producer."""

    actions: tuple[Action, ...]
    producers: Mapping[Artifact, int]

    @classmethod
    def of(cls, actions: Iterable[Action]) -> ActionGraph:
        """Index actions by what they make. Raises InternalError where two make one artifact."""
        ordered = tuple(actions)
        producers: dict[Artifact, int] = {}
        for number, action in enumerate(ordered):
            for _, artifact in action.outputs:
                if artifact in producers:
                    raise InternalError(f"two actions make {artifact.path}")
                producers[artifact] = number
        return cls(ordered, producers)

    def producer(self, artifact: Artifact) -> int | None:
        """The number of the action that makes an artifact; None for a source."""
        return self.producers.get(artifact)

    def needed(self, wanted: Iterable[Artifact]) -> list[int]:
        """The actions that `wanted` need, each after those that it needs itself."""
        order: list[int] = []
        state: dict[int, bool] = {}
        stack = [(number, False) for number in self._numbers(wanted)]
        while stack:
            number, entered = stack.pop()
            if entered:
                order.append(number)
                continue
            if number in state:
                continue
            state[number] = True
            stack.append((number, True))
            stack += [(below, False) for below in self._numbers(self.actions[number].needs) if below not in state]
        return order

    def _numbers(self, artifacts: Iterable[Artifact]) -> list[int]:
        numbers = dict.fromkeys(self.producers[artifact] for artifact in artifacts if artifact in self.producers)
        return list(reversed(numbers))


def artifacts_in(data: Data) -> list[Artifact]:
    """The artifacts that plain data mentions, in order, each once."""
    found: dict[Artifact, None] = {}
    _collect(data, found)
    return list(found)


def _collect(data: Data, found: dict[Artifact, None]) -> None:
    if isinstance(data, Artifact):
        found[data] = None
    elif isinstance(data, tuple):
        for item in data:
            _collect(item, found)
    elif isinstance(data, dict):
        for item in data.values():
            _collect(item, found)


class Parameter(Protocol):
    """One parameter of a tool: its type as written, and whether it must be given."""

    @property
    def type(self) -> str:
        """One of str, int, bool, Blob, list[str], list[Blob], dict[str, str], dict[str, Blob], Json."""

    @property
    def required(self) -> bool:
        """Whether the call must name it."""


class Signature(Protocol):
    """What analysis knows of a tool, so that a wrong call is found before anything runs."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """By name."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what it makes, all of them."""
