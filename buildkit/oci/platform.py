"""Of an index, the image for one platform: what archives for Docker and root file systems are made of.

In: the descriptor of an image or index, how to open blobs, and a platform such as linux/amd64. Out: the image's
manifest, read.
"""

from __future__ import annotations

from collections.abc import Iterator

from buildkit.errors import BuildError, BuildFailure
from buildkit.oci.descriptor import INDEXES, Descriptor
from buildkit.oci.index import Index
from buildkit.oci.layout import OpenBlob, read
from buildkit.oci.manifest import Manifest

DEFAULT = "linux/amd64"
_UNKNOWN = "unknown"  # what attestations and artifacts have as os and architecture where an index holds them


def image_for(root: Descriptor, open_blob: OpenBlob, platform: str = DEFAULT) -> Manifest:
    """The manifest that `root` describes; of an index, the one for `platform`.

    Raises BuildError, which lists the platforms that there are, where an index has none for it.
    """
    if root.media_type not in INDEXES:
        return Manifest.from_json(read(root.digest, open_blob))
    found = dict.fromkeys(_images(root, open_blob, 0))
    fitting = [image for image in found if platform_text(image) == platform]
    fitting += [image for image in found if _fits(image, platform)]
    if not fitting:
        offered = ", ".join(sorted({platform_text(image) for image in found})) or "no image"
        raise BuildError(
            f"the index {root.digest} has no image for {platform}: it holds {offered}",
            hint="choose one of these with --platform, or write the whole index as 'oci:DIR' or 'oci-archive:FILE'",
        )
    return Manifest.from_json(read(fitting[0].digest, open_blob))


def platform_text(image: Descriptor) -> str:
    """What an entry of an index says of its platform: 'linux/arm64/v8'; '' where it says nothing."""
    said = dict(image.platform)
    parts = (said.get("os"), said.get("architecture"), said.get("variant"))
    return "/".join(str(part) for part in parts if part)


def _fits(image: Descriptor, platform: str) -> bool:
    """Whether an image is for a platform; where one of them leaves out the variant, it is not compared."""
    told = platform_text(image)
    return told == platform or told.startswith(f"{platform}/") or platform.startswith(f"{told}/")


def _images(root: Descriptor, open_blob: OpenBlob, depth: int) -> Iterator[Descriptor]:
    if depth > 8:
        raise BuildFailure(f"the index {root.digest} lies in eight others: that is no image")
    for entry in Index.from_json(read(root.digest, open_blob)).manifests:
        if entry.media_type in INDEXES:
            yield from _images(entry, open_blob, depth + 1)
        elif dict(entry.platform).get("os") not in (None, _UNKNOWN):
            yield entry
