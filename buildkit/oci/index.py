"""An index: manifests of several platforms, or of one image and what is said of it (image-spec, image-index.md).

In: descriptors of manifests. Out: `Index` and its canonical JSON.
"""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import INDEX, Descriptor, pairs
from buildkit.oci.document import canonical, objects, parse_object, string, texts
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Index:
    """An index; the order of its manifests is the order of preference."""

    manifests: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...] = ()
    artifact_type: str = ""

    def to_json(self) -> bytes:
        """The canonical document; empty fields are left out."""
        data: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [manifest.to_data() for manifest in self.manifests],
        }
        if self.artifact_type:
            data["artifactType"] = self.artifact_type
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        return canonical(data)

    @classmethod
    def from_json(cls, document: bytes) -> Index:
        """Read an index, ours or another's."""
        what = "an image index"
        data = parse_object(document, what)
        if "layers" in data or "config" in data:
            raise BuildFailure(f"{what} has no layers and no config: this document is two things at once")
        return cls(
            tuple(map(Descriptor.from_data, objects(data, "manifests", what))),
            pairs(texts(data, "annotations", what)),
            string(data, "artifactType", what),
        )
