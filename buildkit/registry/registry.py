"""What pushes, pulls and copies ask of a registry.

In: a repository's name, and bytes with their digests. Out: the registry holds them, or gives them back verified, or an
`EnvironmentFault` says why not. `OrasRegistry` speaks the distribution specification; `MemoryRegistry` is the one that
tests use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from buildkit.digest import Digest
from buildkit.oci.descriptor import Descriptor
from buildkit.records import dataclass

BLOB_UNKNOWN = "BLOB_UNKNOWN"  # what registries say of a manifest whose blobs they lack (specification, error codes)
MANIFEST_LIMIT = (
    4 << 20
)  # bytes; what registries take as a manifest at most (distribution specification, "Pushing Manifests")


class Reader(Protocol):
    """Bytes in order, as a blob store opens them."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


OpenBlob = Callable[[], AbstractContextManager[Reader]]
"""Opens a blob from its beginning, as often as it is called: an upload that broke off can begin again."""

Moved = Callable[[int], None]
"""Hears how many bytes have been sent so far; what it raises ends the upload."""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index as a registry gave it: its very bytes, and their digest."""

    data: bytes
    media_type: str
    digest: Digest


class Sent(Protocol):
    """A blob whose bytes a registry has been given, and not what they are called."""

    def cancel(self) -> None:
        """Have the registry drop the bytes."""
        ...


class Registry(Protocol):
    """One registry host. Every method may be called from several threads at once, and again after it failed."""

    def access(self, repository: str, *, push: bool = False, sources: Iterable[str] = ()) -> None:
        """Say what will be asked of a repository (and what mounted from others): one token then holds for all."""
        ...

    def has(self, repository: str, digest: Digest) -> bool:
        """Whether the repository holds a blob."""
        ...

    def mount(self, repository: str, digest: Digest, source_repository: str) -> bool:
        """Make a blob of another repository of this host this one's too; False if the registry does not do it."""
        ...

    def push_blob(
        self,
        repository: str,
        digest: Digest,
        open_blob: OpenBlob,
        moved: Moved,
        source_repository: str | None = None,
    ) -> bool:
        """Send a blob; verified on the way, in the memory of a few chunks. Nothing is kept of an upload that failed.

        Gives whether no bytes were needed, since the registry mounted the blob from `source_repository`.
        """
        ...

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        """Send bytes whose digest nobody knows yet; None where the registry takes none without."""
        ...

    def name_blob(self, sent: Sent, digest: Digest) -> bool:
        """Say what bytes are that were sent, be it over another connection; False where the registry has lost them.

        Raises EnvironmentFault where they are not that blob.
        """
        ...

    def open_blob(
        self, repository: str, digest: Digest, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Reader]:
        """A blob's bytes, or `length` of them from `offset` on; read on where a connection broke.

        All bytes of a blob are checked against its digest before the last of them is handed out; a part cannot be.
        """
        ...

    def manifest(self, repository: str, name: str) -> Document | None:
        """The manifest of a tag or digest, verified; None if there is none; of `MANIFEST_LIMIT` bytes at most."""
        ...

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        """Store a manifest's very bytes under a tag, or under their own digest.

        Gives whether the registry will list it among its subject's referrers (`OCI-Subject`).
        """
        ...

    def tags(self, repository: str) -> list[str]:
        """All tags, in the registry's order; none of a repository that does not exist."""
        ...

    def referrers(self, repository: str, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...] | None:
        """What refers to a manifest as its subject; None if the registry has no such list."""
        ...

    def delete_manifest(self, repository: str, name: str) -> bool:
        """Delete a manifest by its digest, or a tag; False if there is none."""
        ...
