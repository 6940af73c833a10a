"""`--output KIND:PATH`: built images, written as an OCI layout, an archive or a plain root file system."""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.commands.build import BuildResult, media_type_of
from buildkit.commands.origins import open_built
from buildkit.commands.session import Session
from buildkit.commands.sinks import Sink, write_to
from buildkit.errors import BuildError
from buildkit.oci.descriptor import Descriptor


def export(session: Session, result: BuildResult, sinks: Sequence[Sink]) -> None:
    """Write the images that were built to each of some places, each with its target's name as tag."""
    images = _images(session, result)
    open_blob = open_built(session, result.analysis)
    for sink in sinks:
        if not images:
            raise BuildError(f"--output {sink.kind}: none of the targets is an image")
        write_to(sink, session.options.directory, images, open_blob, result.analysis.platform)


def _images(session: Session, result: BuildResult) -> list[tuple[Descriptor, str]]:
    configured = (result.analysis.configured[built.label] for built in result.built)
    manifests = [
        (result.execution.digests[manifest], target.label.name)
        for target in configured
        if (manifest := target.manifest)
    ]
    return [(Descriptor(media_type_of(session.store.read(digest)), digest), name) for digest, name in manifests]
