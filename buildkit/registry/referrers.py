"""Referrers: manifests that say something of another one, their subject: signatures, SBOMs, notes.

In: a registry, a repository, a subject's digest. Out: what refers to it; a further referrer, pushed and listed. Where a
registry keeps no list of referrers, an index under the tag `sha256-<hex>` is one, which clients maintain themselves
(distribution specification, "Referrers Tag Schema").
"""

from __future__ import annotations

import io
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.oci.descriptor import EMPTY, INDEX, INDEXES, MANIFEST, Descriptor
from buildkit.oci.document import canonical, objects, parse_object, string, texts
from buildkit.oci.manifest import Manifest
from buildkit.registry.contents import ManifestData
from buildkit.registry.registry import Document, OpenBlob, Registry

EMPTY_CONFIG = b"{}"
_FALLBACK = re.compile("sha256-[0-9a-f]{64}")
_TRIES = 20  # others may write the same index at the same time


def pause(took: float) -> None:
    """Wait a little: who read the index before we wrote it, which took us so many seconds, has written by then."""
    time.sleep(max(0.05, 3 * took) * (1 + random.random()))


def referrers(registry: Registry, repository: str, subject: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
    """What refers to a manifest, of one type or of all. Raises BuildFailure for a damaged list."""
    listed = registry.referrers(repository, subject, artifact_type)
    if listed is not None:
        return listed
    _, rows = _fallback(registry, repository, subject)
    found = (Descriptor.from_data(row) for row in rows)
    return tuple(row for row in found if artifact_type in ("", row.artifact_type))


def attach(
    registry: Registry,
    repository: str,
    subject: Descriptor,
    artifact_type: str,
    blobs: Sequence[tuple[Descriptor, OpenBlob]],
    annotations: Mapping[str, str],
) -> Descriptor:
    """Push blobs and a manifest about a subject, and see that it is listed; gives the manifest's descriptor."""
    registry.access(repository, push=True)
    empty = Descriptor(EMPTY, Digest.of(EMPTY_CONFIG))
    layers = tuple(descriptor for descriptor, _ in blobs)
    manifest = Manifest(empty, layers, tuple(sorted(annotations.items())), artifact_type, subject).to_json()
    for descriptor, open_blob in ((empty, lambda: io.BytesIO(EMPTY_CONFIG)), *blobs):
        if not registry.has(repository, descriptor.digest):
            registry.push_blob(repository, descriptor.digest, open_blob, lambda moved: None)
    return push_referrer(registry, repository, manifest, MANIFEST)


def push_referrer(
    registry: Registry, repository: str, manifest: bytes, media_type: str, settle: Callable[[float], None] = pause
) -> Descriptor:
    """Push a manifest that has a subject, by its digest; listed by the registry, else under the fallback tag."""
    digest = Digest.of(manifest)
    if not registry.push_manifest(repository, str(digest), manifest, media_type):
        list_referrer(registry, repository, manifest, media_type, settle)
    return descriptor_of(manifest, media_type)[1]


def list_referrer(
    registry: Registry, repository: str, manifest: bytes, media_type: str, settle: Callable[[float], None] = pause
) -> None:
    """Add a referrer to the index under the fallback tag, unless it is there; looked at again after it was written.

    Raises EnvironmentFault where others keep overwriting the index.
    """
    subject, entry = descriptor_of(manifest, media_type)
    for _ in range(_TRIES):
        began = time.monotonic()
        found, rows = _fallback(registry, repository, subject)
        if any(row["digest"] == str(entry.digest) for row in rows):
            return
        kept = {key: value for key, value in _document(found).items() if key in ("annotations", "artifactType")}
        rows = [*rows, entry.to_data()]
        index = canonical({"schemaVersion": 2, "mediaType": INDEX, **kept, "manifests": rows})
        registry.push_manifest(repository, fallback_tag(subject), index, INDEX)
        settle(time.monotonic() - began)
        if any(row["digest"] == str(entry.digest) for row in _fallback(registry, repository, subject)[1]):
            return
    raise EnvironmentFault(
        f"cannot list {entry.digest} among what refers to {subject} in '{repository}': others write the tag"
        f" '{fallback_tag(subject)}' at the same time",
        hint="try again",
    )


def list_unlisted(registry: Registry, repository: str, manifests: Iterable[ManifestData]) -> None:
    """List referrers that were pushed to a registry that does not list them by itself."""
    for manifest in manifests:
        list_referrer(registry, repository, manifest.data, manifest.media_type)


def fallback_tag(subject: Digest) -> str:
    """The tag of a subject's index.

    >>> fallback_tag(Digest("ab" * 32, 1))[:12]
    'sha256-ababa'
    """
    return f"sha256-{subject.hex}"


def is_fallback_tag(tag: str) -> bool:
    """Whether a tag is one of those."""
    return _FALLBACK.fullmatch(tag) is not None


def descriptor_of(manifest: bytes, media_type: str) -> tuple[Digest, Descriptor]:
    """A referrer's subject, and its entry in a list: its type is its config's where it names none."""
    what = "a referrer"
    data = parse_object(manifest, what)
    subject, config = data.get("subject"), data.get("config")
    if not isinstance(subject, dict):
        raise BuildFailure(f"{what} has no subject")
    kind = string(data, "artifactType", what)
    if not kind and isinstance(config, dict):
        kind = string(config, "mediaType", what)
    annotations = tuple(sorted(texts(data, "annotations", what).items()))
    return Descriptor.from_data(subject).digest, Descriptor(
        media_type, Digest.of(manifest), annotations, artifact_type=kind
    )


def _fallback(registry: Registry, repository: str, subject: Digest) -> tuple[Document | None, list[dict[str, Any]]]:
    """The index under the fallback tag and its entries, as they are: nothing that others wrote is lost."""
    found = registry.manifest(repository, fallback_tag(subject))
    if found is None:
        return None, []
    rows = objects(_document(found), "manifests", "the index")
    try:
        for row in rows:
            Descriptor.from_data(row)
        if found.media_type not in INDEXES:
            raise _no_index(repository, subject)
    except (BuildError, TypeError, ValueError, AttributeError):
        raise _no_index(repository, subject) from None
    return found, rows


def _document(found: Document | None) -> dict[str, Any]:
    return parse_object(found.data, "the index") if found else {}


def _no_index(repository: str, subject: Digest) -> BuildFailure:
    return BuildFailure(
        f"the tag '{fallback_tag(subject)}' of '{repository}' is no list of referrers",
        hint="delete the tag; it is reserved for such lists",
    )
