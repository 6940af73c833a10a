"""A registry in memory, as strict as a real one: it refuses a manifest whose blobs it lacks.

In: what `Registry` takes. Out: `blobs`, `manifests` and `calls`, for tests to look at. It mounts what another
repository holds, and lists referrers unless it is told that it has no such list.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.oci.descriptor import MANIFEST, Descriptor, pairs
from buildkit.records import dataclass
from buildkit.registry.body import BlobBody
from buildkit.registry.registry import Document, Moved, OpenBlob, Sent


class MemoryRegistry:
    """The `Registry` of tests; safe to use from several threads. Blobs and manifests are by (repository, name)."""

    def __init__(self, *, lists_referrers: bool = False) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.media_types: dict[str, str] = {}
        self.calls: list[str] = []
        self._lists_referrers = lists_referrers
        self._lock = threading.Lock()

    def access(self, repository: str, *, push: bool = False, sources: Iterable[str] = ()) -> None:
        """Nobody is kept out."""

    def has(self, repository: str, digest: Digest) -> bool:
        """Whether the blob was pushed to this repository."""
        self._record(f"has {digest}")
        return (repository, str(digest)) in self.blobs

    def mount(self, repository: str, digest: Digest, source_repository: str) -> bool:
        """Whether the other repository holds the blob; then this one does."""
        self._record(f"mount {digest} from {source_repository}")
        data = self.blobs.get((source_repository, str(digest)))
        if data is not None:
            self.blobs[repository, str(digest)] = data
        return data is not None

    def push_blob(
        self,
        repository: str,
        digest: Digest,
        open_blob: OpenBlob,
        moved: Moved,
        source_repository: str | None = None,
    ) -> bool:
        """Mount the blob, or keep its bytes once the last of them is verified."""
        if source_repository and self.mount(repository, digest, source_repository):
            return True
        data = b"".join(BlobBody(digest, open_blob, moved))
        self._record(f"push_blob {digest}")
        self.blobs[repository, str(digest)] = data
        return False

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        """Keep the bytes until they are named."""
        data = b"".join(BlobBody(size, open_blob, moved))
        self._record(f"send_blob {size}")

        return _Unnamed(repository, data, lambda: self._record(f"cancel {size}"))

    def name_blob(self, sent: Sent, digest: Digest) -> bool:
        """Keep the bytes under their digest."""
        if not isinstance(sent, _Unnamed):
            return False
        self._record(f"name {digest}")
        if Digest.of(sent.data) != digest:
            raise EnvironmentFault(f"registry got other bytes than those of blob {digest}")
        self.blobs[sent.repository, str(digest)] = sent.data
        return True

    def open_blob(self, repository: str, digest: Digest, offset: int = 0, length: int | None = None) -> io.BytesIO:
        """The blob's bytes; raises EnvironmentFault where they are not here, or not those of the digest."""
        data = self.blobs.get((repository, str(digest)))
        if data is None:
            raise EnvironmentFault(f"registry has no blob {digest} in '{repository}'")
        if Digest.of(data) != digest:
            raise EnvironmentFault(f"registry sent other bytes than those of blob {digest}")
        self._record(f"open_blob {digest}")
        return io.BytesIO(data[offset:] if length is None else data[offset : offset + length])

    def manifest(self, repository: str, name: str) -> Document | None:
        """What was pushed under this name."""
        data = self.manifests.get((repository, name))
        return None if data is None else Document(data, self.media_types[str(Digest.of(data))], Digest.of(data))

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        """Keep the manifest if all that it names is here."""
        document = json.loads(manifest)
        for wanted in (*_blobs(document), *document.get("manifests", [])):
            place = repository, wanted["digest"]
            if place not in self.blobs and place not in self.manifests:
                raise EnvironmentFault(f"registry refused a manifest that names {wanted['digest']}, which it lacks")
        self._record(f"push_manifest {name} {media_type}")
        self.media_types[str(Digest.of(manifest))] = media_type
        self.manifests[repository, str(Digest.of(manifest))] = manifest
        self.manifests[repository, name] = manifest
        return self._lists_referrers and "subject" in document

    def tags(self, repository: str) -> list[str]:
        """The names of manifests that are no digests, sorted."""
        return sorted(name for place, name in self.manifests if place == repository and ":" not in name)

    def referrers(self, repository: str, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...] | None:
        """The manifests whose subject it is, if this registry lists them."""
        if not self._lists_referrers:
            return None
        found = (
            self._descriptor(manifest)
            for (place, name), manifest in sorted(self.manifests.items())
            if place == repository and ":" in name and _subject(manifest) == str(digest)
        )
        return tuple(row for row in found if artifact_type in ("", row.artifact_type))

    def delete_manifest(self, repository: str, name: str) -> bool:
        """Forget a manifest, and with a digest every tag of it."""
        found = self.manifests.get((repository, name))
        doomed = [
            place
            for place, data in self.manifests.items()
            if place == (repository, name) or (":" in name and place[0] == repository and data == found)
        ]
        for place in doomed:
            del self.manifests[place]
        return bool(doomed)

    def _descriptor(self, manifest: bytes) -> Descriptor:
        document, digest = json.loads(manifest), Digest.of(manifest)
        kind = document.get("artifactType") or document.get("config", {}).get("mediaType", "")
        annotations = pairs(document.get("annotations") or {})
        return Descriptor(self.media_types.get(str(digest), MANIFEST), digest, annotations, (), str(kind))

    def _record(self, call: str) -> None:
        with self._lock:
            self.calls.append(call)


@dataclass(frozen=True, slots=True)
class _Unnamed:
    repository: str
    data: bytes
    cancel: Callable[[], None]


def _blobs(document: dict[str, Any]) -> list[dict[str, Any]]:
    config = [document["config"]] if "config" in document else []
    return [*config, *document.get("layers", [])]


def _subject(manifest: bytes) -> str:
    return str((json.loads(manifest).get("subject") or {}).get("digest", ""))
