"""A layer of a model's artifact (CNCF ModelPack) → its name, and why it is a layer.

In: a descriptor. Out: two texts, empty for what is no such layer. What it holds, its media type tells; whether it is
one file, the annotation with that file's metadata.
"""

from __future__ import annotations

from buildkit.oci.descriptor import Descriptor

FILEPATH = "org.cncf.model.filepath"
_METADATA = "org.cncf.model.file.metadata+json"
_TYPE = "application/vnd.cncf.model."
_HOLDS = {
    "weight.config.": "settings of the weights",
    "weight.": "weights",
    "dataset.": "data sets",
    "code.": "code",
    "doc.": "documentation",
}


def named(layer: Descriptor) -> tuple[str, str]:
    """(name, why): a folder's layers have names of their own, by what they hold."""
    said = dict(layer.annotations)
    path, inner = said.get(FILEPATH, ""), layer.media_type.removeprefix(_TYPE)
    holds = next((text for start, text in _HOLDS.items() if inner.startswith(start)), "")
    if inner == layer.media_type or not holds:
        return path, ""
    if _METADATA in said or not path:
        return path, f"{holds}: one file"
    return f"{path} ({holds})", f"{holds}: files of a folder together"
