"""A registry in memory, as strict as a real one: it refuses a manifest whose blobs it lacks.

In: what `Registry` takes. Out: `blobs`, `manifests` and `calls`, for tests to look at.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.registry.body import BlobBody
from buildkit.registry.registry import Moved, OpenBlob


class MemoryRegistry:
    """The `Registry` of tests; safe to use from several threads."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def has(self, repository: str, digest: Digest) -> bool:
        """Whether the blob was pushed to this repository."""
        self._record(f"has {digest}")
        return (repository, str(digest)) in self.blobs

    def push_blob(self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved) -> None:
        """Keep the blob's bytes once the last of them is verified."""
        data = b"".join(BlobBody(digest, open_blob, moved))
        self._record(f"push_blob {digest}")
        self.blobs[repository, str(digest)] = data

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> None:
        """Keep the manifest if all that it names is here."""
        document = json.loads(manifest)
        for wanted in (*_blobs(document), *document.get("manifests", [])):
            place = repository, wanted["digest"]
            if place not in self.blobs and place not in self.manifests:
                raise EnvironmentFault(f"registry refused a manifest that names {wanted['digest']}, which it lacks")
        self._record(f"push_manifest {name} {media_type}")
        self.manifests[repository, str(Digest.of(manifest))] = manifest
        self.manifests[repository, name] = manifest

    def _record(self, call: str) -> None:
        with self._lock:
            self.calls.append(call)


def _blobs(document: dict[str, Any]) -> list[dict[str, Any]]:
    config = [document["config"]] if "config" in document else []
    return [*config, *document.get("layers", [])]
