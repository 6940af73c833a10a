"""What an image consists of, as far as a registry is concerned: manifests, and the blobs that they name.

In: a source and the digest of a manifest or an index. Out: `Contents`: the manifests, children before parents, and
each blob once, with a name that a person knows it by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.oci.descriptor import CONFIG, INDEX, MANIFEST, stays_where_it_is
from buildkit.records import dataclass
from buildkit.registry.registry import MANIFEST_LIMIT
from buildkit.registry.sources import Source

_DEPTH = 4  # an index of indexes of images is the most that anybody writes
_MOST, _MOST_BYTES = 1000, 64 << 20  # manifests of one image, which are held in memory
_TITLE = "org.opencontainers.image.title"
_OURS = "mbuild: "


@dataclass(frozen=True, slots=True)
class ManifestData:
    """A manifest or an index: its bytes, and what it says that it is."""

    digest: Digest
    data: bytes
    media_type: str
    has_subject: bool = False


@dataclass(frozen=True, slots=True)
class NamedBlob:
    """A config or a layer; `name` is '' where nobody gave it one."""

    digest: Digest
    name: str = ""

    @property
    def label(self) -> str:
        """What progress is told under: the name and the beginning of the digest, or all of the digest."""
        return f"{self.name} ({self.digest.hex[:12]})" if self.name else str(self.digest)


@dataclass(frozen=True, slots=True)
class Contents:
    """All of an image; the last manifest is its root."""

    manifests: tuple[ManifestData, ...]
    blobs: tuple[NamedBlob, ...]

    @property
    def root(self) -> ManifestData:
        """What a tag will name."""
        return self.manifests[-1]


def read_contents(source: Source, root: Digest) -> Contents:
    """Read all manifests. Raises BuildFailure for what is none, or names what cannot be."""
    manifests: dict[str, ManifestData] = {}
    blobs: dict[str, NamedBlob] = {}
    for manifest, document in _manifests(source, root, "", 0, {}):
        manifests.setdefault(manifest.digest.hex, manifest)
        for blob in _blobs(source, manifest.digest, document):
            blobs.setdefault(blob.digest.hex, blob)
    return Contents(tuple(manifests.values()), tuple(blobs.values()))


def _manifests(
    source: Source, digest: Digest, media_type: str, depth: int, seen: dict[str, int]
) -> Iterator[tuple[ManifestData, dict[str, Any]]]:
    if depth > _DEPTH or digest.size > MANIFEST_LIMIT:
        raise _no_image(digest)
    if digest.hex in seen:
        return
    seen[digest.hex] = digest.size
    if len(seen) > _MOST or sum(seen.values()) > _MOST_BYTES:
        raise BuildFailure(
            f"an image of more than {_MOST} manifests, or {_MOST_BYTES >> 20} MiB of them, is none: refused at {digest}"
        )
    data = source.read(digest)
    if Digest.of(data) != digest:
        raise BuildFailure(f"manifest {digest} is damaged: found {len(data)} bytes of {Digest.of(data)}")
    try:
        document: dict[str, Any] = json.loads(data)
        kind = document.get("mediaType") or media_type or (INDEX if "manifests" in document else MANIFEST)
        children = [(_digest(row), str(row.get("mediaType", ""))) for row in document.get("manifests") or ()]
        if not children and "config" not in document and "layers" not in document and "manifests" not in document:
            raise _no_image(digest)
    except (BuildError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _no_image(digest, error) from None
    for child, child_type in children:
        yield from _manifests(source, child, child_type, depth + 1, seen)
    yield ManifestData(digest, data, str(kind), bool(document.get("subject"))), document


def is_manifest(data: bytes) -> bool:
    """Whether a document is an image manifest or an index, as far as it can be told by itself."""
    try:
        document = json.loads(data)
        named = [*(document.get("manifests") or ()), *(document.get("layers") or ())]
        for row in [*named, document["config"]] if document.get("config") else named:
            _digest(row)
    except (BuildError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return not document.keys().isdisjoint(("manifests", "config", "layers"))


def _blobs(source: Source, manifest: Digest, document: Mapping[str, Any]) -> Iterator[NamedBlob]:
    """Config first: it is small, and goes alone. Layers that may not be handed on stay where their URLs are."""
    try:
        config, layers = document.get("config"), document.get("layers") or []
        names = iter(() if config is None else _history(source, config))
        if config is not None:
            yield NamedBlob(_digest(config), "config")
        for number, row in enumerate(layers, 1):
            told = next(names, "")
            name = (row.get("annotations") or {}).get(_TITLE) or told
            if not stays_where_it_is(str(row.get("mediaType"))):
                yield NamedBlob(_digest(row), _plain(str(name)) or f"layer {number}")
    except (BuildError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_image(manifest, error) from None


def _history(source: Source, config: Mapping[str, Any]) -> list[str]:
    """The layers' names, as mbuild writes them into a config's history; '' for those of others."""
    digest = _digest(config)
    if config.get("mediaType") != CONFIG or digest.size > MANIFEST_LIMIT:
        return []
    try:
        with source.open(digest) as reader:
            document = json.loads(b"".join(iter(lambda: reader.read(1 << 20), b"")))
        rows = [row for row in document.get("history") or () if not row.get("empty_layer")]
        told = [str(row.get("created_by", "")) for row in rows]
    except (BuildError, OSError, ValueError, TypeError, AttributeError, RecursionError):
        return []  # the names are for people; what is wrong with the blob is found when it is sent
    return [text.removeprefix(_OURS) if text.startswith(_OURS) else "" for text in told]


def _digest(row: Mapping[str, Any]) -> Digest:
    size = row["size"]
    if type(size) is not int or not 0 <= size < 1 << 63:
        raise ValueError("a size that cannot be")
    return Digest.parse(str(row["digest"]), size)


def _no_image(digest: Digest, why: Exception | None = None) -> BuildFailure:
    if isinstance(why, BuildFailure):  # it knows better: one that is damaged, or none itself
        return why
    told = f": {why.message}" if isinstance(why, BuildError) else ""
    return BuildFailure(
        f"{digest} is no image manifest or index{told}",
        hint="what can be sent: OCI images, indexes and artifacts, and Docker's of schema 2, with sha256 digests",
    )


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:60]
