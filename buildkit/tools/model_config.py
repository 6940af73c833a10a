"""What is known of models, and their layers → the config of a ModelPack artifact (CNCF model-spec, config.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.content import Blob, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, did_you_mean
from buildkit.oci.document import canonical
from buildkit.store import BlobStore
from buildkit.tools.layer_output import names_of
from buildkit.tools.remarks import put_remarks
from buildkit.tools.stack import documents_of, stacked
from buildkit.tools.tool import Json, tool

# The specification forbids any other key.
_DESCRIPTOR: tuple[str, ...] = ("authors", "createdAt", "datasetsURL", "description", "docURL", "family", "licenses")
_DESCRIPTOR += ("name", "revision", "sourceURL", "title", "vendor", "version")
_CONFIG = ("architecture", "capabilities", "format", "paramSize", "precision", "quantization")


@tool(version=3, outputs=("config", "warnings"))
def model_config(
    store: BlobStore, *, descriptors: list[Blob], trees: list[Blob], descriptor: Json, config: Json
) -> dict[str, Digest]:
    """The config: `descriptor` says who made the models and where they come from, `config` what they are. Also what
    their user is to be warned of.

    Raises BuildFailure for keys that the specification does not know, and where there is no layer.
    """
    layers = stacked(store, descriptors)
    if not layers:
        raise BuildFailure("a model artifact has no layers: expected one at least")
    document = {
        "descriptor": _known("descriptor", descriptor, _DESCRIPTOR),
        "config": _known("config", config, _CONFIG),
        "modelfs": {"type": "layers", "diffIds": [layer.diff_id for layer in layers]},
    }
    documents = documents_of(store, layers, trees, "a config")
    paths = [[entry.path for entry in Tree.from_json(document).entries] for document in documents if document]
    return {"config": store.put(canonical(document)), "warnings": put_remarks(store, layers, names_of(layers), paths)}


def _known(what: str, fields: object, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(fields, Mapping):
        raise BuildFailure(f"'{what}' of a model artifact must be a dict, found {fields!r}")
    for name in sorted(set(fields) - set(known)):
        hint = did_you_mean(name, known) or f"it has: {', '.join(known)}"
        raise BuildFailure(f"'{what}' of a model artifact has no '{name}'", hint=hint)
    return dict(fields)
