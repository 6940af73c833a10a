"""Images of two platforms as a registry holds them, for tests of locks."""

from __future__ import annotations

import json
from typing import Any

from buildkit.digest import Digest
from buildkit.graph.image_documents import INDEX, MANIFEST, LockedDocument, locked_image
from buildkit.graph.image_lock import BaseImages, base_images

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SETTINGS = {"Env": ["PATH=/opt/bin:/usr/bin", "PYTHON_VERSION=3.11.9"], "User": "65532", "Labels": {"maker": "them"}}
ATTESTATION = {
    "mediaType": MANIFEST,
    "digest": "sha256:" + "e" * 64,
    "size": 12,
    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    "platform": {"os": "unknown", "architecture": "unknown"},
}


def document(media_type: str, **fields: Any) -> LockedDocument:
    """A document as some program wrote it: indented, in no order."""
    return LockedDocument(media_type, json.dumps(fields, indent=3).encode())


def layer_of(data: bytes, media_type: str = LAYER) -> dict[str, Any]:
    """A layer's descriptor."""
    return descriptor_of(LockedDocument(media_type, data))


def descriptor_of(found: LockedDocument, **others: Any) -> dict[str, Any]:
    """What points at a document."""
    digest = found.digest
    return {"mediaType": found.media_type, "digest": str(digest), "size": digest.size, **others}


def config_of(architecture: str = "amd64", **fields: Any) -> LockedDocument:
    """A config of an image with one layer."""
    rootfs = {"type": "layers", "diff_ids": ["sha256:" + "d" * 64]}
    given = {"architecture": architecture, "os": "linux", "config": SETTINGS, "rootfs": rootfs, **fields}
    return document(CONFIG, **{name: value for name, value in given.items() if value is not None})


def manifest_of(made: LockedDocument, media_type: str = MANIFEST, **fields: Any) -> LockedDocument:
    """A manifest of one layer."""
    given = {"config": descriptor_of(made), "layers": [layer_of(b"layer")], **fields}
    return document(media_type, schemaVersion=2, mediaType=media_type, **given)


def index_of(*manifests: tuple[str, LockedDocument], media_type: str = INDEX) -> LockedDocument:
    """An index of platforms' manifests, and of an attestation."""
    rows = [
        descriptor_of(manifest, platform=dict(zip(("os", "architecture", "variant"), name.split("/"), strict=False)))
        for name, manifest in manifests
    ]
    return document(media_type, schemaVersion=2, mediaType=media_type, manifests=[ATTESTATION, *rows])


def two_platforms() -> BaseImages:
    """A base for amd64 and arm64."""
    configs = {name: config_of(name) for name in ("amd64", "arm64")}
    manifests = {name: manifest_of(config) for name, config in configs.items()}
    index = index_of(*((f"linux/{name}", manifest) for name, manifest in manifests.items()))
    return base_images(index, (locked_image(f"linux/{name}", manifests[name], configs[name]) for name in configs))


def digest_of(number: int) -> Digest:
    """A digest of no bytes."""
    return Digest(f"{number:064x}", number)
