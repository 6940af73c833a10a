"""`mbuild push`: build an image, then bring it to a registry, or say what that would move."""

from __future__ import annotations

import re
from functools import cache

from buildkit.commands.build import build_analyzed
from buildkit.commands.graph import analysis, one_target
from buildkit.commands.origins import origins_of
from buildkit.commands.registries import check_fits, pulled_from, registry_of, settings_of
from buildkit.commands.session import Session
from buildkit.errors import BuildError
from buildkit.events import Output, ignore
from buildkit.graph.action import Artifact
from buildkit.graph.analysis import Analysis, ConfiguredTarget
from buildkit.label import Label
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry import Early, Plan, Registry, StoreSource, carry_out, planned
from buildkit.registry.mirror import past_mirrors
from buildkit.registry.referrers import list_unlisted
from buildkit.registry.retry import Patience
from buildkit.report.pushing import pushed_text

_PLACEHOLDER = re.compile(r"\{[^}]*\}?")
_TRANSFERS = 4  # waiting for a network is no work for a core
# There is another way to send what is sent early, so a registry that does not answer is soon passed over.
_EARLY = Patience(tries=2, first=0.1, stall=20.0, ending=60.0)


@dataclass(frozen=True, slots=True)
class _Push:
    """An image that is to be built, and where it goes."""

    session: Session
    analyzed: Analysis
    target: ConfiguredTarget
    reference: Reference
    tags: tuple[str, ...]
    registry: Registry
    plain_http: bool

    @property
    def jobs(self) -> int:
        """How many transfers at once."""
        return self.session.options.jobs or max(_TRANSFERS, self.session.jobs)

    def early(self) -> Early:
        """Uploads that begin during the build, of what the registry takes."""
        host = self.reference.host

        def connected() -> Registry:
            return registry_of(self.session, host, self.plain_http, _EARLY, ignore)

        return Early(connected, self.reference, self.jobs, most=settings_of(self.session, host).limits.max_blob_size)

    def source(self) -> StoreSource:
        """Where its blobs are."""
        host = self.reference.host

        @cache
        def registry_at(other: str) -> Registry:
            """Where layers of a base lie: what was said of the one registry does not hold for others."""
            return self.registry if other == host else pulled_from(self.session, other)

        return StoreSource(self.session.store, origins_of(self.analyzed, host), registry_at, self.session.places)

    def plan(self, source: StoreSource) -> Plan:
        """Build it, and find out what is to be moved."""
        result = build_analyzed(self.session, self.analyzed, [self.target]).checked()
        digest = result.execution.digests[_manifest(self.target)]
        plan = planned(source, digest, self.reference, self.registry, self.jobs, self.tags)
        return check_fits(self.session, plan)


@past_mirrors
def push(session: Session, target: str, reference_text: str | None, *, plain_http: bool) -> Plan:
    """Build and push; the reference is the command line's, or the target's own with its tags. Says what moved, and
    gives the plan that was carried out.
    """
    meant = _meant(session, target, reference_text, plain_http)
    source = meant.source()
    with meant.early() as early, session.store.followed(early.begin):
        plan = meant.plan(source)
        done = carry_out(plan, source, meant.registry, session.listener, meant.jobs, early)
    list_unlisted(meant.registry, meant.reference.repository, done.unlisted)
    for blob in plan.contents.blobs:
        session.places.note(meant.reference.host, meant.reference.repository, blob.digest)
    session.listener(Output(pushed_text(done)))
    return plan


def plan(session: Session, target: str, reference_text: str | None, *, plain_http: bool) -> Plan:
    """Build, and say what a push would upload, mount and skip; nothing moves."""
    meant = _meant(session, target, reference_text, plain_http)
    return meant.plan(meant.source())


def _meant(session: Session, target: str, reference_text: str | None, plain_http: bool) -> _Push:
    session.needs_network("pushing")
    asked = Reference.parse(reference_text) if reference_text is not None else None
    analyzed = analysis(session, [target])
    configured = one_target(analyzed, target)
    _manifest(configured)
    reference, tags = (asked, ()) if asked else _own_places(configured, target)
    registry = registry_of(session, reference.host, plain_http)
    return _Push(session, analyzed, configured, reference, tags, registry, plain_http)


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
