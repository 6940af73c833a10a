"""Manifests of several platforms → an image index, whose digest names them all."""

from __future__ import annotations

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.blobs import bounded
from buildkit.oci.descriptor import MANIFEST, Descriptor, pairs
from buildkit.oci.document import parse_object
from buildkit.oci.index import Index
from buildkit.store import BlobStore
from buildkit.tools.keys import check_keys
from buildkit.tools.tool import tool


@tool(version=2, outputs=("index",))
def image_index(
    store: BlobStore,
    *,
    manifests: list[Blob],
    platforms: list[str],
    annotations: dict[str, str] | None = None,
) -> dict[str, Digest]:
    """The OCI index of manifests, in this order. `platforms` has that of each: `linux/arm64/v8`, or '' for none, as for
    an index inside the index; an artifact is for 'unknown/unknown'. Raises BuildFailure for what is no manifest.
    """
    check_keys("an annotation", annotations or {})
    rows = [_descriptor(store, blob, platform) for blob, platform in zip(manifests, platforms, strict=True)]
    return {"index": store.put(bounded(Index(tuple(rows), pairs(annotations or {})).to_json(), "index"))}


def _descriptor(store: BlobStore, manifest: Blob, platform: str) -> Descriptor:
    document = parse_object(store.read(manifest.digest), f"{manifest.digest}, a manifest for an index,")
    if not isinstance(document.get("mediaType"), str):
        raise BuildFailure(f"{manifest.digest} is no manifest: it has no mediaType")
    kind = str(document.get("artifactType") or "")
    if kind and not platform and document["mediaType"] == MANIFEST:
        platform = "unknown/unknown"  # so that no machine takes the artifact for its image
    named = zip(("os", "architecture", "variant"), platform.split("/") if platform else (), strict=False)
    return Descriptor(document["mediaType"], manifest.digest, (), pairs(dict(named)), kind)
