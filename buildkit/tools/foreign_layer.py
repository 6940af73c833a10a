"""What a lock says of a base image's layer → the document that other tools read of a layer. Its bytes are not needed.

In: media type, digest, size, diff id, what people are told of it, and the entries of the base's history that led to it.
Out: a `Layer` without a tree.
"""

from __future__ import annotations

from typing import Any

from buildkit.digest import Digest
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.layer import About, Layer
from buildkit.store import BlobStore
from buildkit.tools.tool import Json, tool

_TEXTS = ("created", "created_by", "author", "comment")


@tool(version=1, outputs=("descriptor",))
def foreign_layer(
    store: BlobStore,
    *,
    media_type: str,
    sha256: str,
    size: int,
    diff_id: str,
    about: dict[str, str] | None = None,
    history: Json | None = None,
) -> dict[str, Digest]:
    """The descriptor of a layer that lies in a registry."""
    entries = tuple(_entry(dict(row)) for row in history or ())
    layer = Layer(Descriptor(media_type, Digest(sha256, size)), diff_id, None, (), About.of(about), entries)
    return {"descriptor": store.put(layer.to_json())}


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """An entry of a config's history, with the fields that image-spec, config.md, knows."""
    entry: dict[str, Any] = {name: row[name] for name in _TEXTS if isinstance(row.get(name), str)}
    return entry | ({"empty_layer": True} if row.get("empty_layer") is True else {})
