"""What an image says of itself: its config's fields, and a row for each layer.

In: an `Image`. Out: `ImageFacts` and `LayerFacts`. Configs of others are read with care: a field of another type than
the specification's (image-spec, config.md) is a BuildFailure that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.images.model_layers import named
from buildkit.oci.descriptor import CONFIG, DOCKER_CONFIG, Descriptor
from buildkit.oci.document import objects, parse_object, string, strings, texts
from buildkit.oci.image import Image
from buildkit.records import dataclass

_MADE_BY = "mbuild: "
_MODEL = "application/vnd.cncf.model.config."
_BASE = "org.opencontainers.image.base."


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """A layer: how it ships, and what the config's history says of it. `number` counts from 1, lowest first."""

    number: int
    descriptor: Descriptor
    diff_id: str = ""
    name: str = ""
    why: str = ""

    @property
    def compression(self) -> str:
        """`none`, `gzip`, `zstd`; '' for what is no tar."""
        return compression_of(self.descriptor.media_type)

    @property
    def uncompressed(self) -> int | None:
        """The tar's size in bytes, where it is known without reading it."""
        return self.descriptor.digest.size if self.compression == "none" else None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image says. `process` is the config's `config` object, by its own names."""

    digest: Digest
    media_type: str
    platform: str
    created: str
    size: int
    layers: tuple[LayerFacts, ...]
    process: Mapping[str, Any]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    artifact_type: str = ""
    index: Digest | None = None
    model: Mapping[str, Any] = field(default_factory=dict)  # of a ModelPack: its 'descriptor' and 'config' in one

    @property
    def base(self) -> Mapping[str, str]:
        """`name` and `digest` of the base image, as annotations or labels tell."""
        told = {**self.labels, **self.annotations}
        return {key: told[_BASE + key] for key in ("name", "digest") if told.get(_BASE + key)}


def compression_of(media_type: str) -> str:
    """How a layer's tar is compressed, by its media type; '' for what is no tar.

    >>> compression_of("application/vnd.oci.image.layer.v1.tar+zstd")
    'zstd'
    """
    for ending, name in ((".tar", "none"), ("tar+gzip", "gzip"), ("tar.gzip", "gzip"), ("tar+zstd", "zstd")):
        if media_type.endswith(ending):
            return name
    return ""


def rows_of(process: Mapping[str, Any], key: str) -> list[str]:
    """A list of a config, such as its environment, as texts; what is of another type has none."""
    found = process.get(key)
    return list(map(str, found)) if isinstance(found, list) else []


def names_of(process: Mapping[str, Any], key: str) -> list[str]:
    """The keys of an object of a config, such as its ports, sorted; what is of another type has none."""
    found = process.get(key)
    return sorted(found) if isinstance(found, dict) else []


def facts_of(image: Image) -> ImageFacts:
    """All that an image's documents say."""
    manifest = image.manifest
    config = config_object(image)
    what = f"config {manifest.config.digest}"
    process = _object(config, "config", what) if is_image_config(image) else {}
    return ImageFacts(
        digest=image.descriptor.digest,
        media_type=image.descriptor.media_type,
        platform=platform_of(image),
        created=string(config, "created", what),
        size=len(image.data) + manifest.config.digest.size + sum(one.digest.size for one in manifest.layers),
        layers=layers_of(image),
        process=process,
        labels=texts(process, "Labels", what),
        annotations=dict(manifest.annotations),
        artifact_type=manifest.artifact_type or ("" if is_image_config(image) else manifest.config.media_type),
        index=image.index.digest if image.index else None,
        model=_model(config, image, what),
    )


def _model(config: Mapping[str, Any], image: Image, what: str) -> Mapping[str, Any]:
    if image.manifest.config.media_type.startswith(_MODEL):
        return {**_object(config, "descriptor", what), **_object(config, "config", what)}
    return {}


def is_image_config(image: Image) -> bool:
    """Whether the config is that of an image, and not of an artifact."""
    return image.manifest.config.media_type in (CONFIG, DOCKER_CONFIG)


def config_object(image: Image) -> Mapping[str, Any]:
    """The config as data; empty where it is none that says anything."""
    if not is_image_config(image) and not image.manifest.config.media_type.endswith("json"):
        return {}
    return parse_object(image.config, f"config {image.manifest.config.digest}")


def platform_of(image: Image) -> str:
    """`os/arch[/variant]`, as the config says it, else as the index does."""
    config = config_object(image)
    what = f"config {image.manifest.config.digest}"
    if not is_image_config(image):
        said = image.descriptor.platform_text
        return "" if said.startswith("unknown/") else said
    told = (string(config, key, what) for key in ("os", "architecture", "variant"))
    return "/".join(part for part in told if part)


def layers_of(image: Image) -> tuple[LayerFacts, ...]:
    """A row for each layer, lowest first."""
    config = config_object(image)
    ids, told = diff_ids(image), history(config, f"config {image.manifest.config.digest}")
    layers = image.manifest.layers
    # Histories of others may have another length: then nobody knows which entry is which layer's.
    rows = told if len(told) == len(layers) else list(map(named, layers))
    return tuple(
        LayerFacts(index + 1, descriptor, ids[index] if index < len(ids) else "", *rows[index])
        for index, descriptor in enumerate(layers)
    )


def diff_ids(image: Image) -> tuple[str, ...]:
    """The digests of the uncompressed layers: of an image's config, or of a model's (ModelPack)."""
    config = config_object(image)
    what = f"config {image.manifest.config.digest}"
    if is_image_config(image):
        return strings(_object(config, "rootfs", what), "diff_ids", what)
    if isinstance(config.get("modelfs"), dict):
        return strings(config["modelfs"], "diffIds", what)
    return ()


def history(config: Mapping[str, Any], what: str) -> list[tuple[str, str]]:
    """(name, why) of each entry that stands for a layer; what lies below mbuild's own layers is the base's."""
    rows = [row for row in objects(config, "history", what) if row.get("empty_layer") is not True]
    told = [(string(row, "created_by", what), string(row, "comment", what)) for row in rows]
    own = [number for number, (by, _) in enumerate(told) if f"{by}: ".startswith(_MADE_BY)]
    base = own[0] if own else 0
    return [
        (by.removeprefix(_MADE_BY).strip(), "of the base image" if number < base else why)
        for number, (by, why) in enumerate(told)
    ]


def _object(data: Mapping[str, Any], key: str, what: str) -> Mapping[str, Any]:
    found = data.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BuildFailure(f"{what}: '{key}' is not an object")
    return found
