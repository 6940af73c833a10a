"""Where images are written to: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `rootfs:DIR`.

In: text of the command line; images or indexes as (descriptor, name), and how to open their blobs. Out: files, written
in one pass over the blobs. The first two take an index and several images; the others one image, of an index the one
for a platform.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from buildkit.errors import BuildError, did_you_mean, without_login
from buildkit.records import dataclass
from buildkit.reference import is_image_name, is_tag

if TYPE_CHECKING:
    from buildkit.oci.blobs import OpenBlob
    from buildkit.oci.descriptor import Descriptor

KINDS = ("oci", "oci-archive", "docker-archive", "rootfs")
FORMS = "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG] or rootfs:DIR"
_MEANT = "an OCI layout, one as a tar, an archive for docker load, a plain root file system"
_FITS: Mapping[str, Callable[[str], bool]] = {
    "oci": is_tag,
    "oci-archive": is_tag,
    "docker-archive": is_image_name,
}


@dataclass(frozen=True, slots=True)
class Sink:
    """A kind, a path, and the tag (of an archive for Docker: name and tag) that the image gets there; '' its own."""

    kind: str
    path: str
    tag: str = ""

    @property
    def takes_several(self) -> bool:
        """Whether it holds several images."""
        return self.kind in ("oci", "oci-archive")

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}" + (f":{self.tag}" if self.tag else "")


def is_sink(text: str) -> bool:
    """Whether text means a place on this machine rather than a registry."""
    return text.partition(":")[0] in KINDS


def parse_sink(text: str) -> Sink:
    """Read `KIND:PATH[:TAG]`; a path ends at its first colon, as in skopeo. Raises BuildError."""
    kind, colon, rest = text.partition(":")
    path, tagged, tag = rest.partition(":")
    told = f"cannot read the output {without_login(text)!r}"
    if path == "-":
        raise BuildError(
            f"{told}: an image is not written to standard output", hint=f"name a file or a folder: {FORMS}"
        )
    if kind not in KINDS or not path:
        near = did_you_mean(kind, KINDS) if colon and kind not in KINDS else None
        raise BuildError(told, hint=near or f"use {FORMS}: {_MEANT}")
    fits = _FITS.get(kind)
    if tagged and not (fits and fits(tag)):
        raise BuildError(f"{told}: {without_login(tag)!r} is no tag", hint=f"use {FORMS}")
    return Sink(kind, path, tag)


def write_to(
    sink: Sink, directory: Path, images: Sequence[tuple[Descriptor, str]], open_blob: OpenBlob, platform: str
) -> None:
    """Write (image or index, its own tag) pairs. `platform`, such as linux/amd64, chooses where one image must be; ''
    chooses as `read_image` does.

    Raises BuildError for several images where one is taken or under one tag, for a name that docker would not load, and
    where an index has no image for the platform.
    """
    if len(images) != 1 and (sink.tag or not sink.takes_several):
        form = "with a tag " if sink.tag else ""
        raise BuildError(f"'{sink}' {form}takes one image, found {len(images)}", hint="name one target")
    # late: each build reads the kinds above, few write
    from buildkit.oci.archive import write_archive
    from buildkit.oci.layout import write_layout
    from buildkit.oci.layout_archive import write_layout_archive
    from buildkit.oci.rootfs import write_rootfs

    target = directory / sink.path
    if target.is_symlink():  # whoever writes beside a name and then takes it would put an end to the link
        target = Path(os.path.realpath(target))
    named = [(root, sink.tag or own) for root, own in images]
    _check_names(sink, [name for _, name in named])
    if sink.kind == "oci":
        for root, tag in named:
            write_layout(target, root, open_blob, tag=tag)
        return
    if sink.kind == "oci-archive":
        write_layout_archive(target, named, open_blob)
        return
    ((root, name),) = named
    if sink.kind == "rootfs":
        write_rootfs(target, root, open_blob, platform=platform)
    else:
        named_in_full = name if ":" in name.rpartition("/")[2] or not name else f"{name}:latest"
        write_archive(target, root, open_blob, name=named_in_full, platform=platform)


def _check_names(sink: Sink, names: Sequence[str]) -> None:
    """Raise BuildError for one tag of two images, of which only the last would keep it, and for what docker refuses."""
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        hint = f"write one at a time: {sink.kind}:{sink.path}:TAG"
        raise BuildError(f"'{sink}': two images would have the tag '{name}'", hint=hint)
    for name in names:
        if sink.kind == "docker-archive" and name and not is_image_name(name):
            raise BuildError(f"'{sink}': docker loads no image called '{name}'", hint=f"name it: {sink}:NAME:TAG")
