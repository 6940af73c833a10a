"""An image → all that is wrong with it: every digest, size and diff id computed anew, every rule of the specification.

In: an opened image, all of whose bytes are read. Out: `Fault`s, in the order of the documents; none for a sound image.
Rules: image-spec manifest.md, image-index.md, config.md, layer.md; and the 127 layers that runtimes can mount.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.images.facts import config_object, diff_ids, history, is_image_config, platform_of
from buildkit.images.layer_faults import layer_faults
from buildkit.oci.blobs import is_at_hand, read_document
from buildkit.oci.descriptor import EMPTY, INDEXES, MANIFESTS, Descriptor
from buildkit.oci.image import Image, OpenedImage, is_about_another, read_image
from buildkit.oci.index import Index
from buildkit.oci.manifest import Manifest
from buildkit.records import dataclass

_T = TypeVar("_T")

MOST_LAYERS = 127
_DEEPEST = 4
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_PORT = re.compile(r"\d{1,5}(/(tcp|udp|sctp))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and in which document or blob."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Validation:
    """What was looked at, and what was found; `elsewhere` are layers that stay at their URLs, which were not."""

    faults: tuple[Fault, ...]
    manifests: int
    blobs: int
    bytes: int
    elsewhere: tuple[Digest, ...] = ()


def validate(opened: OpenedImage, platform: str = "") -> Validation:
    """Read all of an image, and of every image of an index, or of the one for a platform."""
    checking = _Checking(opened)
    checking.document(read_image(opened, platform).descriptor if platform else opened.root, 0)
    elsewhere = tuple(checking.elsewhere)
    return Validation(tuple(checking.faults), checking.manifests, len(checking.seen), checking.bytes, elsewhere)


class _Checking:
    def __init__(self, opened: OpenedImage) -> None:
        self._open = opened.open_blob
        self.faults: list[Fault] = []
        self.seen: dict[Digest, str] = {}  # blobs, and the diff ids of those that are layers
        self.elsewhere: dict[Digest, None] = {}
        self.manifests = 0
        self.bytes = 0

    def document(self, descriptor: Descriptor, depth: int) -> None:
        """A manifest or an index, and all below it."""
        if descriptor.digest in self.seen:
            return
        self._count(descriptor.digest)
        kind = "index" if descriptor.media_type in INDEXES else "manifest"
        where = f"{kind} {descriptor.digest}"
        data = self._read(where, descriptor.digest, kind)
        if data is None:
            return
        self._add(where, _document_faults(data, descriptor))
        if kind == "index":
            self._index(where, data, depth)
        elif descriptor.media_type in MANIFESTS:
            self._manifest(where, descriptor, data)

    def _index(self, where: str, data: bytes, depth: int) -> None:
        index = self._tried(where, lambda: Index.from_json(data))
        if index is None:
            return
        if depth == _DEEPEST:
            self._add(where, [f"want {_DEEPEST} indexes in a row at most, got more"])
            return
        platforms: set[str] = set()
        for entry in index.manifests:
            platform = entry.platform_text
            if entry.media_type in MANIFESTS and not is_about_another(entry) and not entry.artifact_type:
                if not platform and len(index.manifests) > 1:
                    self._add(where, [f"want a platform of each of several images, got none of {entry.digest}"])
                elif platform in platforms:
                    self._add(where, [f"want one image a platform, got another for '{platform}': {entry.digest}"])
                platforms.add(platform)
            self.document(entry, depth + 1)

    def _manifest(self, where: str, descriptor: Descriptor, data: bytes) -> None:
        self.manifests += 1
        manifest = self._tried(where, lambda: Manifest.from_json(data))
        if manifest is None:
            return
        if len(manifest.layers) > MOST_LAYERS:
            self._add(where, [f"want at most {MOST_LAYERS} layers, got {len(manifest.layers)}"])
        if manifest.config.media_type == EMPTY and not manifest.artifact_type:
            self._add(where, ["want an artifactType where the config is empty, got none"])
        config = self._read(f"config {manifest.config.digest}", manifest.config.digest, "config")
        self._count(manifest.config.digest)
        ids: tuple[str, ...] = ()
        if config is not None:
            image = Image(descriptor, data, manifest, config)
            ids = self._config(image) or ()
        for index, layer in enumerate(manifest.layers):
            self._layer(layer, ids[index] if index < len(ids) else "")

    def _config(self, image: Image) -> tuple[str, ...] | None:
        where = f"config {image.manifest.config.digest}"
        self._tried(where, lambda: self._add(where, _config_faults(image)))
        return self._tried(where, lambda: diff_ids(image))

    def _layer(self, layer: Descriptor, diff_id: str) -> None:
        where = f"layer {layer.digest}"
        if not is_at_hand(layer, self._open):
            self.elsewhere[layer.digest] = None
            return
        if layer.digest not in self.seen:
            self._count(layer.digest)
            found, faults = layer_faults(layer, self._open)
            self._add(where, faults)
            self.seen[layer.digest] = found
        found = self.seen[layer.digest]
        if diff_id and found and found != diff_id:
            self._add(where, [f"want diff id {diff_id}, got {found}"])

    def _read(self, where: str, digest: Digest, what: str) -> bytes | None:
        return self._tried(where, lambda: read_document(digest, self._open, what))

    def _tried(self, where: str, action: Callable[[], _T]) -> _T | None:
        try:
            return action()
        except BuildFailure as failure:
            self._add(where, [failure.message])
            return None

    def _add(self, where: str, messages: Iterable[str]) -> None:
        for message in messages:  # one by one: those before a failure stay
            fault = Fault(where, message.removeprefix(where).lstrip(": "))
            if fault not in self.faults[-8:]:
                self.faults.append(fault)

    def _count(self, digest: Digest) -> None:
        self.seen.setdefault(digest, "")
        self.bytes += digest.size


def _document_faults(data: bytes, descriptor: Descriptor) -> Iterator[str]:
    """What is wrong with a manifest or index as JSON."""
    if descriptor.media_type not in (*MANIFESTS, *INDEXES):
        yield f"want the media type of a manifest or an index, got '{descriptor.media_type}'"
    twice: list[str] = []

    def pairs(rows: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(sorted(key for key, count in Counter(key for key, _ in rows).items() if count > 1))
        return dict(rows)

    try:
        document = json.loads(data, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return  # who parses it says so
    if not isinstance(document, dict):
        return
    yield from (f"want each key once, got '{key[:80]}' twice" for key in twice)
    if document.get("schemaVersion") != 2:
        yield f"want schemaVersion 2, got {str(document.get('schemaVersion'))[:40]}"
    if (said := document.get("mediaType", descriptor.media_type)) != descriptor.media_type:
        yield f"want mediaType '{descriptor.media_type}', as what points to it says, got '{str(said)[:80]}'"


def _config_faults(image: Image) -> Iterator[str]:
    config = config_object(image)
    count = len(image.manifest.layers)
    if not is_image_config(image):
        if ids := diff_ids(image):
            yield from _compared("diff ids, one a layer", count, len(ids))
        return
    for key in ("architecture", "os"):
        if not isinstance(config.get(key), str) or not config[key]:
            yield f"want '{key}', got {_shown(config.get(key))}"
    rootfs = config.get("rootfs")
    if not isinstance(rootfs, dict) or rootfs.get("type") != "layers":
        yield f"want rootfs.type 'layers', got {_shown(rootfs.get('type') if isinstance(rootfs, dict) else rootfs)}"
    yield from _compared("diff ids, one a layer", count, len(diff_ids(image)))
    if "history" in config:
        rows = history(config, "the config")
        yield from _compared("entries of history that are not empty layers, one a layer", count, len(rows))
    declared, own = image.descriptor.platform_text, platform_of(image)
    if declared and "/" in own and not _agree(declared, own):
        yield f"want platform '{declared}', as the index says, got '{own}'"
    created = config.get("created")
    if created is not None and not (isinstance(created, str) and _TIME.fullmatch(created)):
        yield f"want 'created' as in RFC 3339, got {_shown(created)}"
    yield from _process_faults(config.get("config") or {})


def _agree(one: str, other: str) -> bool:
    """Whether two platforms are the same, as far as both say a variant."""
    return all(a == b for a, b in zip(one.split("/"), other.split("/"), strict=False))


def _process_faults(process: Any) -> Iterator[str]:
    if not isinstance(process, Mapping):
        yield f"want an object as 'config', got {_shown(process)}"
        return
    for key in ("Entrypoint", "Cmd", "Env"):
        rows = process.get(key) or []
        if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
            yield f"want a list of texts as config.{key}, got {_shown(rows)}"
        elif key == "Env":
            yield from (f"want NAME=VALUE in config.Env, got {_shown(row)}" for row in rows if "=" not in row[1:])
    ports = process.get("ExposedPorts") or {}
    if not isinstance(ports, dict):
        yield f"want an object as config.ExposedPorts, got {_shown(ports)}"
    else:
        yield from (f"want PORT/PROTOCOL in config.ExposedPorts, got {_shown(p)}" for p in ports if not _is_port(p))


def _is_port(text: str) -> bool:
    return bool(_PORT.fullmatch(text)) and 0 < int(text.partition("/")[0]) < 65536


def _compared(what: str, want: int, got: int) -> Iterator[str]:
    if want != got:
        yield f"want {want} {what}, got {got}"


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)[:80]
