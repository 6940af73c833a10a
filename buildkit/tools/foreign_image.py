"""The documents of a base image, as a lock holds them → blobs. One action makes both: the manifest names the config."""

from __future__ import annotations

from buildkit.digest import Digest
from buildkit.store import BlobStore
from buildkit.tools.tool import tool


@tool(version=1, outputs=("config", "manifest"))
def foreign_image(store: BlobStore, *, config: str, manifest: str) -> dict[str, Digest]:
    """A manifest and its config, byte for byte."""
    return {"config": store.put(config.encode()), "manifest": store.put(manifest.encode())}
