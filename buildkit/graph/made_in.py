"""Where a configuration's files lie, and how commands in it see them.

In: the actions of a target. Out: the same actions, in which files of their own configuration lie where they would lie
without one: equal work in two configurations is one entry of the cache, and no command sees how it was configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from buildkit.graph.action import Action, ActionKind, Artifact, Data
from buildkit.label import Label
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class MadeIn:
    """A configuration's folder and short name; both are empty for the configuration that was asked for."""

    folder: str = ""
    configuration: str = ""

    def artifact(self, owner: Label, path: str, *, tree: bool = False) -> Artifact:
        """What a target makes at a path."""
        return Artifact(owner, f"{self.folder}/{path}" if self.folder else path, tree, root=self.folder)

    def places(self, inputs: Sequence[Artifact]) -> list[str]:
        """Where a command of this configuration finds its inputs."""
        own = self.folder if self.folder and _apart(inputs, self.folder) else None
        return [one.short_path if own and one.root == own else one.path for one in inputs]

    def at_home(self, action: Action) -> Action:
        """An action without this folder in what its program is told."""
        if not self.folder:
            return action
        action = replace(action, configuration=self.configuration)
        if action.kind is ActionKind.TOOL:
            return replace(action, arguments={name: self._data(value) for name, value in action.arguments.items()})
        if action.kind is ActionKind.FETCH or not _apart(action.inputs, self.folder):
            return action
        return replace(
            action,
            outputs=tuple((self._text(name), artifact) for name, artifact in action.outputs),
            command=tuple(map(self._text, action.command)),
            environment=tuple((name, self._text(value)) for name, value in action.environment),
            stripped=self.folder,
        )

    def _text(self, text: str) -> str:
        return text.replace(f"{self.folder}/", "")

    def _data(self, data: Data) -> Data:
        match data:
            case str():
                return self._text(data)
            case tuple():
                return tuple(self._data(item) for item in data)
            case dict():
                return {self._text(name): self._data(item) for name, item in data.items()}
        return data


def _apart(inputs: Iterable[Artifact], folder: str) -> bool:
    """Whether no file that another configuration made lies where those of this one would."""
    made = [artifact for artifact in inputs if not artifact.source]
    others = {artifact.path for artifact in made if artifact.root != folder}
    own = {artifact.short_path for artifact in made if artifact.root == folder}
    return not (others and (others & _above(own) or own & _above(others)))


def _above(paths: Iterable[str]) -> set[str]:
    """The paths, and the folders that they lie in."""
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")
        found.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return found
