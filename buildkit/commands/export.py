"""`--output KIND:PATH`: a built image, written as an OCI layout or as an archive for `docker load`."""

from __future__ import annotations

from pathlib import Path

from buildkit.commands.build import BuildResult, media_type_of
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.graph.provider import ImageInfo
from buildkit.label import Label
from buildkit.oci.archive import write_archive
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.layout import write_layout

KINDS = ("oci", "docker-archive")


def parse_output(text: str) -> tuple[str, str]:
    """Read `oci:DIR` or `docker-archive:FILE`. Raises BuildError."""
    kind, colon, path = text.partition(":")
    if kind not in KINDS or not colon or not path:
        raise BuildError(
            f"cannot read the output {text!r}", hint="use 'oci:DIR' (an OCI image layout) or 'docker-archive:FILE'"
        )
    return kind, path


def export(session: Session, result: BuildResult, output: str) -> None:
    """Write the images that were built."""
    kind, path = parse_output(output)
    images = _images(result)
    if not images:
        raise BuildError(f"--output {kind}: none of the targets is an image")
    if kind == "docker-archive" and len(images) > 1:
        raise BuildError(f"--output docker-archive: takes one image, {len(images)} were built")
    target = session.options.directory / path
    for label, digest, _ in images:
        if kind == "oci":
            document = session.store.read(digest)
            write_layout(target, Descriptor(media_type_of(document), digest), session.store.open, tag=label.name)
        else:
            write_archive(Path(target), digest, session.store.open, name=f"{label.name}:latest")


def _images(result: BuildResult) -> list[tuple[Label, Digest, ImageInfo]]:
    configured = (result.analysis.configured[built.label] for built in result.built)
    return [
        (target.label, result.execution.digests[target.image.manifest], target.image)
        for target in configured
        if target.image
    ]
