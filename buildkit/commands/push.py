"""`mbuild push`: build an image, then bring it to a registry, or say what that would move."""

from __future__ import annotations

import re
from functools import cache

from buildkit.commands.build import build_analyzed
from buildkit.commands.graph import analysis, one_target
from buildkit.commands.origins import origins_of
from buildkit.commands.registries import check_fits, pulled_from, registry_of
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.events import Output
from buildkit.graph.action import Artifact
from buildkit.graph.analysis import ConfiguredTarget
from buildkit.label import Label
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry import Plan, Registry, StoreSource, carry_out, planned
from buildkit.registry.referrers import list_unlisted
from buildkit.report.pushing import pushed_text

_PLACEHOLDER = re.compile(r"\{[^}]*\}?")
_TRANSFERS = 4  # waiting for a network is no work for a core


@dataclass(frozen=True, slots=True)
class _Push:
    """A built image, and where it goes."""

    reference: Reference
    digest: Digest
    source: StoreSource
    registry: Registry
    jobs: int
    tags: tuple[str, ...]

    def plan(self) -> Plan:
        return planned(self.source, self.digest, self.reference, self.registry, self.jobs, self.tags)


def push(session: Session, target: str, reference_text: str | None, *, plain_http: bool) -> Plan:
    """Build and push; the reference is the command line's, or the target's own with its tags. Says what moved, and
    gives the plan that was carried out.
    """
    ready = _ready(session, target, reference_text, plain_http)
    plan = check_fits(session, ready.plan())
    done = carry_out(plan, ready.source, ready.registry, session.listener, ready.jobs)
    list_unlisted(ready.registry, ready.reference.repository, done.unlisted)
    for blob in plan.contents.blobs:
        session.places.note(ready.reference.host, ready.reference.repository, blob.digest)
    session.listener(Output(pushed_text(done)))
    return plan


def plan(session: Session, target: str, reference_text: str | None, *, plain_http: bool) -> Plan:
    """Build, and say what a push would upload, mount and skip; nothing moves."""
    return check_fits(session, _ready(session, target, reference_text, plain_http).plan())


def _ready(session: Session, target: str, reference_text: str | None, plain_http: bool) -> _Push:
    session.needs_network("pushing")
    asked = Reference.parse(reference_text) if reference_text is not None else None
    analyzed = analysis(session, [target])
    configured = one_target(analyzed, target)
    manifest = _manifest(configured)
    reference, tags = (asked, ()) if asked else _own_places(configured, target)
    registry = registry_of(session, reference.host, plain_http)

    @cache
    def registry_at(host: str) -> Registry:
        """Where layers of a base lie: what was said of the one registry does not hold for others."""
        return registry if host == reference.host else pulled_from(session, host)

    result = build_analyzed(session, analyzed, [configured]).checked()
    source = StoreSource(session.store, origins_of(analyzed, reference.host), registry_at, session.places)
    jobs = session.options.jobs or max(_TRANSFERS, session.jobs)
    return _Push(reference, result.execution.digests[manifest], source, registry, jobs, tags)


def _manifest(configured: ConfiguredTarget) -> Artifact:
    if configured.manifest is None:
        raise BuildError(
            f"'{configured.label}' is not an image",
            hint="push an image of any rule, or an image_push",
        )
    return configured.manifest


def _own_places(configured: ConfiguredTarget, target: str) -> tuple[Reference, tuple[str, ...]]:
    """The reference that a target names, and its further tags."""
    if configured.push is None:
        raise BuildError(
            f"'{configured.label}' needs a reference to be pushed to",
            hint=f"write 'mbuild push {target} HOST/REPOSITORY:TAG'",
        )
    for text in (configured.push.reference, *configured.push.tags):
        _check_filled(configured.label, text)
    reference = Reference.parse(configured.push.reference)
    for tag in configured.push.tags:
        Reference.parse(f"{reference.host}/{reference.repository}:{tag}")
    return reference, configured.push.tags


def _check_filled(label: Label, text: str) -> None:
    """Raise BuildError where a part of a tag is still to be filled in."""
    left = _PLACEHOLDER.search(text)
    if left and left[0] == "{revision}":
        raise BuildError(f"'{label}' is pushed as '{text}', which takes a git revision", hint="push with --stamp")
    if left:
        raise BuildError(f"'{label}' is pushed as '{text}': '{left[0]}' is not known", hint="'{revision}' is")
