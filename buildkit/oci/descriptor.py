"""What points to a blob: media type, digest, size (image-spec, descriptor.md).

In: digests and what is known of them, or the JSON of a descriptor. Out: `Descriptor`, and plain data for documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildFailure

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to a blob. Annotations and platform are sorted pairs."""

    media_type: str
    digest: Digest
    annotations: tuple[tuple[str, str], ...] = ()
    platform: tuple[tuple[str, str], ...] = ()
    artifact_type: str = ""

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
        """Read what a document says; raises BuildFailure where a descriptor's fields are missing."""
        try:
            digest = Digest.parse(str(data["digest"]), int(data["size"]))
            media_type = str(data["mediaType"])
        except (KeyError, TypeError, ValueError):
            raise BuildFailure(f"not a descriptor: expected mediaType, digest and size, found {dict(data)!r}") from None
        return cls(
            media_type,
            digest,
            pairs(data.get("annotations") or {}),
            pairs(data.get("platform") or {}),
            str(data.get("artifactType") or ""),
        )


def pairs(mapping: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A mapping as sorted pairs: frozen, and in one order."""
    return tuple(sorted(mapping.items()))
