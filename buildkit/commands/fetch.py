"""`mbuild fetch`: patterns → the files from outside that their targets need, all in the store.

After it, the targets can be built with `--offline`.
"""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.commands.build import build_analyzed
from buildkit.commands.graph import analysis
from buildkit.commands.session import Session
from buildkit.errors import BuildError
from buildkit.graph.action import ActionGraph, ActionKind, Artifact
from buildkit.graph.analysis import ConfiguredTarget
from buildkit.label import Label
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """A target: how many files from outside it needs that are at hand now, and their bytes."""

    label: Label
    files: int
    size: int


def fetch(session: Session, patterns: Sequence[str]) -> tuple[tuple[Fetched, ...], tuple[BuildError, ...]]:
    """Fetch what a build of the targets may read, in the order of labels; and the faults that kept some of it away.

    Layers of a base image are among it only where something runs in them: an image is built without them.
    """
    analyzed = analysis(session, patterns, keep_going=session.options.keep_going)
    targets = [analyzed.configured[label] for label in analyzed.requested]
    needed = [_from_outside(analyzed.actions, target) for target in targets]
    every = dict.fromkeys(artifact for artifacts in needed for artifact in artifacts)
    result = build_analyzed(session, analyzed, (), also=tuple(every))
    digests = result.execution.digests
    fetched = (
        Fetched(target.label, len(artifacts), sum(digests[artifact].size for artifact in artifacts))
        for target, artifacts in zip(targets, needed, strict=True)
        if all(artifact in digests for artifact in artifacts)
    )
    return tuple(fetched), result.faults


def _from_outside(actions: ActionGraph, target: ConfiguredTarget) -> list[Artifact]:
    fetches = (actions.actions[number] for number in actions.needed(target.files))
    return [artifact for action in fetches if action.kind is ActionKind.FETCH for _, artifact in action.outputs]
