"""An entry of a build cache: an artifact, which is an image manifest (image-spec, manifest.md) under a tag.

In: a key, a result, and where its blobs are kept. Out: the documents of the entry, and what they say, checked: its
config says key, time and outputs, its layers are the outputs' bytes.

A blob that a registry has damaged cannot be sent again: most find a blob of that digest and leave it as it is. It is
kept behind a mark then, as another blob, and a layer's annotation says which one follows the mark.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from buildkit.digest import Digest, Key
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import MANIFEST, Descriptor
from buildkit.oci.document import canonical, parse_object
from buildkit.oci.manifest import Manifest
from buildkit.records import dataclass
from buildkit.registry.registry import OpenBlob, Reader
from buildkit.store import ActionResult
from buildkit.store.actions import decode, encode

ARTIFACT = "application/vnd.mbuild.action.v1"
CONFIG = "application/vnd.mbuild.action.v1+json"
MEDIA_TYPE = MANIFEST
MOST_BLOBS = 1000  # a manifest has 4 MiB at most
_BLOB = "application/octet-stream"
_MARKED = "vnd.mbuild.action.blob"
_MARK = 8  # bytes
_AHEAD = 86_400  # seconds that clocks may differ by


@dataclass(frozen=True, slots=True)
class Kept:
    """A blob that an entry needs, and the one that the registry keeps for it: the same, or a mark and the same."""

    blob: Digest
    stored: Digest


def tag_of(key: Key) -> str:
    """The tag that an entry is under."""
    return f"action-{key.hex}"


def mark_of(made: int) -> bytes:
    """What makes another blob of a blob; another one each second, since marked ones may be damaged too."""
    return made.to_bytes(_MARK, "big")


def behind(mark: bytes, opened: OpenBlob) -> OpenBlob:
    """Opens the mark and the blob behind it."""

    @contextmanager
    def open_both() -> Iterator[Reader]:
        with opened() as reader:
            yield _Marked(mark, reader)

    return open_both


class _Marked:
    def __init__(self, mark: bytes, reader: Reader) -> None:
        self._mark = mark
        self._reader = reader

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        first, self._mark = self._mark[:size], self._mark[size:]
        return first or self._reader.read(size)


def write_config(key: Key, made: int, result: ActionResult) -> bytes:
    """The config of an entry; `made` is in seconds since 1970."""
    return canonical({"key": key.hex, "made": made, "result": json.loads(encode(result))})


def write_manifest(config: Digest, blobs: Sequence[Kept]) -> bytes:
    """The manifest of an entry."""
    layers = tuple(
        Descriptor(_BLOB, kept.stored, () if kept.stored == kept.blob else ((_MARKED, str(kept.blob)),))
        for kept in blobs
    )
    return Manifest(Descriptor(CONFIG, config), layers, artifact_type=ARTIFACT).to_json()


def read_manifest(document: bytes) -> tuple[list[Kept], Digest]:
    """The blobs of an entry, and its config. Raises BuildError."""
    manifest = Manifest.from_json(document)
    if len(manifest.layers) > MOST_BLOBS:
        raise BuildFailure(f"it names {len(manifest.layers)} blobs, expected {MOST_BLOBS} at most")
    return list(map(_kept, manifest.layers)), manifest.config.digest


def read_config(document: bytes, key: Key, now: float, max_age: float | None) -> ActionResult | None:
    """The result that an entry says; None for one that is too old. Raises BuildFailure for what is no entry of `key`.

    Times are in seconds.
    """
    data = parse_object(document, "an entry")
    if data.get("key") != key.hex:
        raise BuildFailure("it is the entry of another action")
    made, result = data.get("made"), decode(canonical(data.get("result")))
    if not isinstance(made, int) or result is None:
        raise BuildFailure("it is not what mbuild writes")
    age = now - made
    if age < -_AHEAD:
        raise BuildFailure("it says that it is from the future")
    return None if max_age is not None and age > max_age else result


def _kept(layer: Descriptor) -> Kept:
    named, stored = dict(layer.annotations).get(_MARKED), layer.digest
    if named is None:
        return Kept(stored, stored)
    if stored.size < _MARK:
        raise BuildFailure("it is not what mbuild writes")
    return Kept(Digest.parse(named, stored.size - _MARK), stored)
