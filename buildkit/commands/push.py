"""`mbuild push`: build an image, then bring it to a registry."""

from __future__ import annotations

from buildkit.commands.build import build_analyzed
from buildkit.commands.graph import analysis, one_target
from buildkit.commands.registries import registry_of
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.reference import Reference
from buildkit.registry import push as push_image


def push(session: Session, target: str, reference_text: str | None, *, plain_http: bool) -> tuple[Reference, Digest]:
    """Build and push; the reference is the command line's, or the target's own."""
    session.needs_network("pushing")
    asked = Reference.parse(reference_text) if reference_text else None
    analyzed = analysis(session, [target])
    configured = one_target(analyzed, target)
    manifest = configured.image.manifest if configured.image else configured.push.image if configured.push else None
    if manifest is None:
        raise BuildError(f"'{configured.label}' is not an image", hint="push a model_image or a model_volume")
    if asked is None and configured.push is None:
        raise BuildError(
            f"'{configured.label}' needs a reference to be pushed to",
            hint=f"write 'mbuild push {target} HOST/REPOSITORY:TAG'",
        )
    reference = asked or Reference.parse(configured.push.reference if configured.push else "")
    registry = registry_of(session, reference.host, plain_http)
    result = build_analyzed(session, analyzed, [configured]).checked()
    digest = result.execution.digests[manifest]
    return reference, push_image(reference, digest, session.store, registry, session.listener, session.jobs)
