"""Manifests of artifacts and configs of ModelPack, over layers that the real tools make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from schemas import beside, validate, validate_model_config
from tools_archives import blob

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS

TYPE = "application/vnd.cncf.model."
TYPES = {"": f"{TYPE}weight.v1", "weights.config": f"{TYPE}weight.config.v1", "doc": f"{TYPE}doc.v1"}
PATH, FILE = "org.cncf.model.filepath", "org.cncf.model.file.metadata+json"


class Layers:
    """Layers, and the documents over them."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.made: list[dict[str, Digest]] = []

    def add(self, role: str, files: dict[str, bytes], compression: str = "none") -> None:
        placed = {path: blob(self.store, data) for path, data in files.items()}
        arguments = {"files": placed, "about": {"role": role}, "compression": compression}
        self.made.append(TOOLS["files_layer"](self.store, **arguments))

    def blobs(self, output: str) -> list[Blob]:
        return [Blob(layer[output]) for layer in self.made]

    def manifest(self, **more: Any) -> dict[str, Any]:
        arguments = {"config": blob(self.store, b"{}"), "descriptors": self.blobs("descriptor")}
        return self.document("image_manifest", "manifest", **arguments, **more)

    def config(self, **arguments: Any) -> dict[str, Any]:
        return self.document(
            "model_config", "config", descriptors=self.blobs("descriptor"), trees=self.blobs("tree"), **arguments
        )

    def document(self, tool: str, output: str, **arguments: Any) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.store.read(TOOLS[tool](self.store, **arguments)[output]))
        return document


def model() -> Layers:
    layers = Layers()
    layers.add("weights", {"models/m/w.safetensors": b"weights"})
    layers.add("weights.config", {"models/m/config.json": b"{}", "models/m/sub/vocab.json": b"[]"}, "zstd")
    layers.add("doc", {"models/m/card.md": b"# m"}, "gzip")
    return layers


def artifact(layers: Layers) -> dict[str, Any]:
    return layers.manifest(
        artifact_type=f"{TYPE}manifest.v1+json",
        config_type=f"{TYPE}config.v1+json",
        layer_types=TYPES,
        trees=layers.blobs("tree"),
        path_annotation=PATH,
        file_annotation=FILE,
    )


def metadata(name: str, size: int) -> str:
    return f'{{"gid":0,"mode":420,"mtime":"1970-01-01T00:00:00Z","name":"{name}","size":{size},"typeflag":0,"uid":0}}'


def test_an_artifact_has_the_images_blobs_under_types_by_role_and_packing() -> None:
    layers = model()
    found = artifact(layers)
    assert {key: found[key] for key in ("artifactType", "mediaType")} == {
        "artifactType": f"{TYPE}manifest.v1+json",
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
    }
    assert found["config"]["mediaType"] == f"{TYPE}config.v1+json"
    assert [(layer["mediaType"], layer["annotations"]) for layer in found["layers"]] == [
        (f"{TYPE}weight.v1.tar", {PATH: "models/m/w.safetensors", FILE: metadata("w.safetensors", 7)}),
        (f"{TYPE}weight.config.v1.tar+zstd", {PATH: "models/m"}),
        (f"{TYPE}doc.v1.tar+gzip", {PATH: "models/m/card.md", FILE: metadata("card.md", 3)}),
    ]
    plain = layers.manifest()
    assert [layer["digest"] for layer in plain["layers"]] == [layer["digest"] for layer in found["layers"]]
    assert [layer.get("annotations") for layer in plain["layers"]] == [None, None, None]


@beside
def test_manifest_and_config_are_what_the_schemas_say() -> None:
    layers = model()
    validate("image-manifest-schema.json", artifact(layers))
    capabilities = {"inputTypes": ["text"], "outputTypes": ["text"], "languages": ["en"], "reasoning": False}
    whole = {
        "descriptor": {"name": "m", "authors": ["a"], "licenses": ["MIT"], "createdAt": "1970-01-01T00:00:00Z"},
        "config": {"format": "safetensors", "paramSize": "8b", "capabilities": capabilities},
    }
    validate_model_config(layers.config(**whole))
    validate_model_config(layers.config(descriptor={}, config={}))


def test_the_config_names_the_uncompressed_layers() -> None:
    layers = model()
    ids = [json.loads(layers.store.read(made["descriptor"]))["diffID"] for made in layers.made]
    assert layers.config(descriptor={"name": "m"}, config={"format": "onnx"}) == {
        "descriptor": {"name": "m"},
        "config": {"format": "onnx"},
        "modelfs": {"type": "layers", "diffIds": ids},
    }


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            {"descriptor": {"licence": "MIT"}, "config": {}},
            "'descriptor' of a model artifact has no 'licence'",
            "did you mean 'licenses'?",
        ),
        (
            {"descriptor": {}, "config": {"task": "x"}},
            "'config' of a model artifact has no 'task'",
            "it has: architecture, capabilities, format, paramSize, precision, quantization",
        ),
        ({"descriptor": [], "config": {}}, "'descriptor' of a model artifact must be a dict, found []", None),
    ],
)
def test_what_the_specification_does_not_know_is_refused(
    arguments: dict[str, Any], message: str, hint: str | None
) -> None:
    with pytest.raises(BuildFailure) as caught:
        model().config(**arguments)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_each_layer_must_have_its_tree_and_there_must_be_one_at_least() -> None:
    with pytest.raises(BuildFailure) as caught:
        Layers().config(descriptor={}, config={})
    assert caught.value.message == "a model artifact has no layers: expected one at least"
    layers = model()
    with pytest.raises(BuildFailure) as caught:
        layers.manifest(trees=layers.blobs("tree")[1:])
    assert caught.value.message == (
        f"'trees' of a manifest lack that of layer '{layers.made[0]['layer']}': expected one for each of 'descriptors'"
    )
