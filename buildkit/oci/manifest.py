"""The manifest of an image or artifact: its config and its layers (image-spec, manifest.md).

In: descriptors. Out: `Manifest`, and its canonical JSON, whose digest names the image.
"""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import MANIFEST, Descriptor, pairs
from buildkit.oci.document import canonical, objects, parse_object, string, texts
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest; `subject` points at the image that this one says something about."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...] = ()
    artifact_type: str = ""
    subject: Descriptor | None = None

    def to_json(self) -> bytes:
        """The canonical document; empty fields are left out."""
        data: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.to_data(),
            "layers": [layer.to_data() for layer in self.layers],
        }
        if self.artifact_type:
            data["artifactType"] = self.artifact_type
        if self.subject:
            data["subject"] = self.subject.to_data()
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        return canonical(data)

    @classmethod
    def from_json(cls, document: bytes) -> Manifest:
        """Read a manifest, ours or another's."""
        what = "an image manifest"
        data = parse_object(document, what)
        subject, config = data.get("subject"), data.get("config")
        if not isinstance(config, dict) or "manifests" in data:
            raise BuildFailure(f"{what} has one config and no manifests of its own: expected an image manifest")
        if subject is not None and not isinstance(subject, dict):
            raise BuildFailure(f"{what}: 'subject' is not a descriptor")
        return cls(
            Descriptor.from_data(config),
            tuple(map(Descriptor.from_data, objects(data, "layers", what))),
            pairs(texts(data, "annotations", what)),
            string(data, "artifactType", what),
            Descriptor.from_data(subject) if subject else None,
        )
