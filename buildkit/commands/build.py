"""`mbuild build`: patterns → digests, one a target."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from buildkit.commands.graph import analysis
from buildkit.commands.machine import machine_of
from buildkit.commands.outputs import show_outputs
from buildkit.commands.remarks import remarks
from buildkit.commands.session import Session
from buildkit.commands.shared_results import shared_results
from buildkit.content import Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildErrors
from buildkit.events import GraphReady
from buildkit.execution import Execution, execute
from buildkit.graph.action import Artifact
from buildkit.graph.analysis import Analysis, ConfiguredTarget
from buildkit.label import Label
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Built:
    """A target's result: its digest (an image's manifest's, a file's, or several files' tree's), None if it failed."""

    label: Label
    digest: Digest | None
    files: Mapping[str, Digest]


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What was built, in the order of labels, and the faults that kept the rest from it."""

    analysis: Analysis
    execution: Execution
    built: tuple[Built, ...]
    faults: tuple[BuildError, ...]

    def checked(self) -> BuildResult:
        """Itself, or BuildErrors with the faults."""
        if self.faults:
            raise BuildErrors(self.faults)
        return self


def build(session: Session, patterns: Sequence[str]) -> BuildResult:
    """Build all that patterns name. Faults of loading and analysis are raised, those of actions are in the result.

    To keep going is to have all of them there, beside what could be built nevertheless.
    """
    analyzed = analysis(session, patterns, keep_going=session.options.keep_going)
    return build_analyzed(session, analyzed, [analyzed.configured[label] for label in analyzed.requested])


def build_analyzed(
    session: Session,
    analyzed: Analysis,
    targets: Sequence[ConfiguredTarget],
    *,
    tolerated: Collection[Label] = (),
    also: Sequence[Artifact] = (),
) -> BuildResult:
    """Build some targets of an analysis, and `also` files that are none of theirs.

    A failure of a `tolerated` target does not keep the others from being built.
    """
    wanted = list(dict.fromkeys((*(artifact for target in targets for artifact in target.files), *also)))
    own = [label for label in analyzed.configured if not label.repository]
    declared = {action.owner for action in analyzed.actions.actions}
    counted = [label for label in own if label in declared or label in analyzed.requested]
    needed = analyzed.actions.needed(wanted)
    session.listener(GraphReady(analyzed.packages, len(counted), len(needed)))
    with shared_results(session) as shared:
        execution = execute(
            analyzed.actions,
            wanted,
            machine_of(session, shared),
            jobs=session.jobs,
            keep_going=session.options.keep_going,
            listener=session.listener,
            tolerated=tolerated,
        )
    built = tuple(_built(target, execution.digests) for target in targets)
    show_outputs(session, analyzed, targets, execution.digests)
    for remark in remarks(session.store, (analyzed.actions.actions[number] for number in needed), execution.digests):
        session.warn(remark)
    faults = (*analyzed.faults, *(failed.error for failed in execution.failures))
    return BuildResult(analyzed, execution, built, faults)


def _built(target: ConfiguredTarget, digests: Mapping[Artifact, Digest]) -> Built:
    files = {artifact.path: digests[artifact] for artifact in target.files if artifact in digests}
    complete = len(files) == len(target.files)
    digest = _target_digest(target, digests) if complete else None
    return Built(target.label, digest, files)


def _target_digest(target: ConfiguredTarget, digests: Mapping[Artifact, Digest]) -> Digest:
    if len(target.files) == 1:
        return digests[target.files[0]]
    entries = (Entry(artifact.path, Kind.FILE, 0o644, digests[artifact]) for artifact in target.files)
    return Digest.of(Tree.of(entries).to_json())


def media_type_of(document: bytes) -> str:
    """What a manifest says that it is."""
    return str(json.loads(document)["mediaType"])
