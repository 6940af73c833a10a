"""The documents of a base image: its index, manifest and config, in their exact bytes, checked before use.

In: bytes from a registry or from a lock. Out: `LockedImage`, whose layers are known without their bytes; or a
BuildError that names what is wrong. Read are the OCI image specification's documents (manifest.md, image-index.md,
config.md) and those of Docker's schema 2, which say the same under other media types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.records import dataclass

LARGEST = 4 << 20  # bytes of one document: what the distribution specification asks registries to take
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_LAYER = "application/vnd.oci.image.layer.v1.tar"
# What a layer may be called → what OCI calls it. The bytes are the same.
LAYERS: Mapping[str, str] = {
    _LAYER: _LAYER,
    f"{_LAYER}+gzip": f"{_LAYER}+gzip",
    f"{_LAYER}+zstd": f"{_LAYER}+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": _LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{_LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": f"{_LAYER}+zstd",
}
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_MOST_BYTES = 1 << 60


@dataclass(frozen=True, slots=True)
class LockedDocument:
    """A small JSON document, as a registry has it."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return Digest.of(self.data)


@dataclass(frozen=True, slots=True)
class LockedLayer:
    """A layer of a base: its blob, under OCI's media type, and the digest of its uncompressed tar."""

    media_type: str
    digest: Digest
    diff_id: str


@dataclass(frozen=True, slots=True)
class LockedImage:
    """A base for one platform; `layers` are lowest first, and follow from the documents."""

    platform: str
    manifest: LockedDocument
    config: LockedDocument
    layers: tuple[LockedLayer, ...]


def locked_image(platform: str, manifest: LockedDocument, config: LockedDocument) -> LockedImage:
    """Check a manifest and its config against each other. Raises BuildError."""
    data = parsed_manifest(manifest)
    named = descriptor(data.get("config"), "config of the manifest")
    if named != config.digest:
        raise _refused(
            f"config is {config.digest} ({config.digest.size} bytes), the manifest names {named} ({named.size} bytes)"
        )
    found = parsed_config(config)
    if (said := config_platform(found)) != plain_platform(platform):
        raise _refused(f"config says that the image is for {said}, expected {plain_platform(platform)}")
    _check_settings(found)
    return LockedImage(platform, manifest, config, _layers(data, found))


def parsed_manifest(document: LockedDocument) -> dict[str, Any]:
    """A manifest of one image. Raises BuildError for anything else that registries keep."""
    data = parsed(document, "manifest")
    if document.media_type not in MANIFESTS:
        raise _refused(f"manifest has media type {document.media_type[:80]!r}, expected an image's")
    config = data.get("config")
    kind = config.get("mediaType") if isinstance(config, dict) else None
    if kind not in CONFIGS:
        raise _refused(
            f"manifest is not of an image: its config has media type {str(kind)[:80]!r}",
            "name an image that containers run; charts, models and signatures cannot be a base",
        )
    return data


def parsed(document: LockedDocument, what: str) -> dict[str, Any]:
    """A manifest or index as plain data. Raises BuildError where it cannot be what its media type says."""
    if document.media_type.startswith(_SCHEMA_1):
        raise _schema_1()
    data = _object(document, what)
    if data.get("schemaVersion") == 1:
        raise _schema_1()
    if data.get("schemaVersion") != 2:
        raise _refused(f"{what} has schemaVersion {str(data.get('schemaVersion'))[:20]!r}, expected 2")
    if data.get("mediaType", document.media_type) != document.media_type:
        raise _refused(
            f"{what} says that it is {str(data['mediaType'])[:80]!r}, but is served as {document.media_type[:80]!r}"
        )
    if "manifests" in data and ("layers" in data or "config" in data):
        raise _refused(f"{what} is an index and an image at once")
    return data


def descriptor(data: object, what: str) -> Digest:
    """The digest that a descriptor holds. Raises BuildError for one that is no sha256, or a size that is none."""
    if not isinstance(data, dict):
        raise _refused(f"{what} is not a descriptor")
    size, text = data.get("size"), data.get("digest")
    if type(size) is not int or not 0 <= size < _MOST_BYTES:
        raise _refused(f"{what} has size {str(size)[:40]!r}, expected a number of bytes")
    return _digest(text, size, what)


def parsed_config(document: LockedDocument) -> dict[str, Any]:
    """A config as plain data. Raises BuildError."""
    return _object(document, "config")


def config_platform(config: Mapping[str, Any]) -> str:
    """What a config says that it is for, such as linux/arm64."""
    return f"{str(config.get('os'))[:40]}/{str(config.get('architecture'))[:40]}"


def plain_platform(platform: str) -> str:
    """A platform without its variant."""
    return "/".join(platform.split("/")[:2])


def _layers(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[LockedLayer, ...]:
    rows = manifest.get("layers")
    if not isinstance(rows, list) or not rows:
        raise _refused("manifest has no layers")
    rootfs = config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or len(diff_ids) != len(rows):
        count = len(diff_ids) if isinstance(diff_ids, list) else "no"
        raise _refused(f"config has {count} diff_ids, the manifest has {len(rows)} layers")
    pairs = zip(rows, diff_ids, strict=True)
    return tuple(_layer(row, diff_id, f"layer {number}") for number, (row, diff_id) in enumerate(pairs, 1))


def _check_settings(config: Mapping[str, Any]) -> None:
    """The settings of containers, and what each layer was made by: of the types that rules rely on, or absent."""
    settings = config.get("config") or {}
    if not isinstance(settings, dict):
        raise _refused("config has a 'config' that is not a JSON object")
    for name, (fits, expected) in _SETTINGS.items():
        if settings.get(name) is not None and not fits(settings[name]):
            raise _refused(f"config has a '{name}' that is not {expected}")
    history = config.get("history")
    if history is not None and not (isinstance(history, list) and all(isinstance(row, dict) for row in history)):
        raise _refused("config has a 'history' that is not a list of JSON objects")


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _variables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.find("=") > 0 for item in value)


def _text_dict(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


_SETTINGS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("User", "WorkingDir", "StopSignal"), (lambda value: isinstance(value, str), "a string")),
    **dict.fromkeys(("Entrypoint", "Cmd"), (_texts, "a list of strings")),
    "Env": (_variables, "a list of NAME=VALUE"),
    "Labels": (_text_dict, "a JSON object of strings"),
    "ExposedPorts": (lambda value: isinstance(value, dict), "a JSON object"),
}


def _layer(row: object, diff_id: object, what: str) -> LockedLayer:
    digest = descriptor(row, what)
    kind = str(row.get("mediaType")) if isinstance(row, dict) else ""
    if kind not in LAYERS:
        why = "cannot be shared between registries" if "foreign" in kind or "nondistributable" in kind else "is unknown"
        raise _refused(f"{what} has media type {kind[:80]!r}, which {why}")
    return LockedLayer(LAYERS[kind], digest, str(_digest(diff_id, 0, f"diff_id of {what}")))


def _digest(text: object, size: int, what: str) -> Digest:
    try:
        return Digest.parse(str(text), size)
    except BuildError:
        raise _refused(f"{what} has digest {str(text)[:80]!r}, expected 'sha256:' and 64 hexadecimal digits") from None


def _object(document: LockedDocument, what: str) -> dict[str, Any]:
    if len(document.data) > LARGEST:
        raise _refused(f"{what} has {len(document.data)} bytes, more than the {LARGEST} that registries take")
    try:
        data = json.loads(document.data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _refused(f"{what} is not JSON") from None
    if not isinstance(data, dict):
        raise _refused(f"{what} is not a JSON object")
    return data


def _refused(message: str, hint: str | None = None) -> BuildError:
    return BuildError(f"unfit as a base image: {message}", hint=hint)


def _schema_1() -> BuildError:
    return _refused(
        "manifest is of Docker's schema 1, which has neither sizes nor a config",
        "pull the image with a program of today, push it again, and name that",
    )
