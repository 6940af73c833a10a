"""What points to a blob: media type, digest, size (image-spec, descriptor.md).

In: digests and what is known of them, or the JSON of a descriptor. Out: `Descriptor`, and plain data for documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.oci.document import string, strings, texts
from buildkit.records import dataclass

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = (INDEX, DOCKER_INDEX)
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

MANIFESTS = (MANIFEST, DOCKER_MANIFEST)


def stays_where_it_is(media_type: str) -> bool:
    """Whether a layer is one that may not be handed on: clients get it from its URLs, and registries need not have it.

    >>> stays_where_it_is("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    True
    """
    return "nondistributable" in media_type or "foreign" in media_type


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to a blob. Annotations and platform are sorted pairs."""

    media_type: str
    digest: Digest
    annotations: tuple[tuple[str, str], ...] = ()
    platform: tuple[tuple[str, Any], ...] = ()
    artifact_type: str = ""

    @property
    def platform_text(self) -> str:
        """What it says of its platform: 'linux/arm64/v8'; '' where it says nothing."""
        said = dict(self.platform)
        parts = (said.get("os"), said.get("architecture"), said.get("variant"))
        return "/".join(str(part) for part in parts if part)

    def to_data(self) -> dict[str, Any]:
        """Plain data, as it stands in manifests and indexes."""
        data: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.digest.size,
        }
        if self.artifact_type:
            data["artifactType"] = self.artifact_type
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        if self.platform:
            data["platform"] = dict(self.platform)
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Descriptor:
        """Read what a document says; raises BuildFailure for what is no descriptor, or lies about what it is."""
        size, media_type = data.get("size"), data.get("mediaType")
        if not isinstance(media_type, str) or not isinstance(data.get("digest"), str) or type(size) is not int:
            shown = str(dict(data))[:200]
            raise BuildFailure(f"not a descriptor: expected mediaType, digest and size, found {shown}")
        what = f"the descriptor of {data['digest'][:80]!r}"
        if not 0 <= size < 1 << 63:
            raise BuildFailure(f"{what} has the size {size}")
        try:
            digest = Digest.parse(data["digest"], size)
        except BuildError as error:
            raise BuildFailure(error.message, hint=error.hint) from None
        return cls(
            media_type,
            digest,
            pairs(texts(data, "annotations", what)),
            _platform(data, what),
            string(data, "artifactType", what),
        )


def _platform(data: Mapping[str, Any], what: str) -> tuple[tuple[str, Any], ...]:
    found = data.get("platform")
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise BuildFailure(f"{what}: 'platform' is not an object")
    lists = {key: strings(found, key, what) for key in found if key in ("os.features", "features")}
    plain = {key: string(found, key, what) for key in ("architecture", "os", "os.version", "variant") if key in found}
    return pairs(plain | lists)


def pairs(mapping: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A mapping as sorted pairs: frozen, and in one order."""
    return tuple(sorted(mapping.items()))
