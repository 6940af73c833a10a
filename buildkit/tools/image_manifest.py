"""A config and layers' descriptors → an image's manifest, whose digest names the image."""

from __future__ import annotations

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.oci.descriptor import CONFIG, Descriptor, pairs
from buildkit.oci.manifest import Manifest
from buildkit.store import BlobStore
from buildkit.tools.layer_output import read_layers
from buildkit.tools.tool import tool


@tool(version=1, outputs=("manifest",), threads=True)
def image_manifest(
    store: BlobStore, *, config: Blob, descriptors: list[Blob], annotations: dict[str, str] | None = None
) -> dict[str, Digest]:
    """The OCI manifest of an image: `descriptors` are the layers' descriptor outputs, lowest first."""
    layers = tuple(layer.descriptor for layer in read_layers(store, descriptors))
    manifest = Manifest(Descriptor(CONFIG, config.digest), layers, pairs(annotations or {}))
    return {"manifest": store.put(manifest.to_json())}
