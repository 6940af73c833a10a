"""A config and layers' descriptors → a manifest, whose digest names an image or an artifact.

An artifact has the layers of an image under media types of its own: `layer_types` names one for each role of a layer
(that of '' for all others), without the suffix that says how the layer is packed. With `trees`, each layer is annotated
with the file or folder that it holds, and a layer of one file also with that file's metadata, as tools of ModelPack
show it: of these the layer has constants only.
"""

from __future__ import annotations

from buildkit.content import Blob, Kind, Tree
from buildkit.digest import Digest
from buildkit.oci.blobs import bounded
from buildkit.oci.descriptor import CONFIG, LAYER, Descriptor, pairs
from buildkit.oci.document import canonical
from buildkit.oci.layer import Layer
from buildkit.oci.manifest import Manifest
from buildkit.store import BlobStore
from buildkit.tools.keys import check_keys
from buildkit.tools.stack import documents_of, stacked
from buildkit.tools.tool import tool

_EPOCH = "1970-01-01T00:00:00Z"
_REGULAR = 0  # what ModelPack's tools write as the type of a plain file


@tool(version=4, outputs=("manifest",))
def image_manifest(
    store: BlobStore,
    *,
    config: Blob,
    descriptors: list[Blob],
    annotations: dict[str, str] | None = None,
    artifact_type: str | None = None,
    config_type: str | None = None,
    layer_types: dict[str, str] | None = None,
    trees: list[Blob] | None = None,
    path_annotation: str | None = None,
    file_annotation: str | None = None,
) -> dict[str, Digest]:
    """The OCI manifest of an image: `descriptors` are the layers' descriptor outputs, lowest first."""
    check_keys("an annotation", annotations or {})
    layers = stacked(store, descriptors)
    told: list[dict[str, str]] = [
        _told(Tree.from_json(document), path_annotation, file_annotation) if document else {}
        for document in (() if trees is None else documents_of(store, layers, trees, "a manifest"))
    ]
    manifest = Manifest(
        Descriptor(config_type or CONFIG, config.digest),
        tuple(
            Descriptor(_media_type(layer, layer_types or {}), layer.descriptor.digest, pairs(said))
            for layer, said in zip(layers, told or [{}] * len(layers), strict=True)
        ),
        pairs(annotations or {}),
        artifact_type or "",
    )
    return {"manifest": store.put(bounded(manifest.to_json(), "manifest"))}


def _media_type(layer: Layer, types: dict[str, str]) -> str:
    """The layer's own media type, or its role's with the same suffix."""
    own = layer.descriptor.media_type
    named = types.get(layer.about.role) or types.get("")
    return own if named is None else f"{named}.tar{own.removeprefix(LAYER)}"


def _told(tree: Tree, path_annotation: str | None, file_annotation: str | None) -> dict[str, str]:
    """A layer's annotations: the one file that it holds, or the folder that all its files are in."""
    files = [entry for entry in tree.entries if entry.kind is not Kind.DIRECTORY]
    if not files:
        return {}
    told = {path_annotation: _common([entry.path for entry in files])} if path_annotation else {}
    entry = files[0]
    if len(files) == 1 and entry.digest and file_annotation:
        metadata = {
            "name": entry.path.rpartition("/")[2],
            "mode": entry.mode,
            "uid": 0,
            "gid": 0,
            "size": entry.digest.size,
            "mtime": _EPOCH,
            "typeflag": _REGULAR,
        }
        told[file_annotation] = canonical(metadata).decode()
    return told


def _common(paths: list[str]) -> str:
    """The one path, or the deepest folder that all are in; '.' for the root."""
    if len(paths) == 1:
        return paths[0]
    folders = [path.split("/")[:-1] for path in paths]
    shared: list[str] = []
    for names in zip(*folders, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return "/".join(shared) or "."
