"""The manifest of an image or artifact: its config and its layers (image-spec, manifest.md).

In: descriptors. Out: `Manifest`, and its canonical JSON, whose digest names the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from buildkit.oci.descriptor import MANIFEST, Descriptor, pairs
from buildkit.oci.document import canonical, parse_object


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
        data = parse_object(document, "an image manifest")
        subject = data.get("subject")
        return cls(
            Descriptor.from_data(data.get("config") or {}),
            tuple(Descriptor.from_data(layer) for layer in data.get("layers") or ()),
            pairs(data.get("annotations") or {}),
            str(data.get("artifactType") or ""),
            Descriptor.from_data(subject) if subject else None,
        )
