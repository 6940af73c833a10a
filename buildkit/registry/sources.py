"""Where the bytes of an image come from: a store, another registry, or whatever else opens blobs.

In: a digest. Out: its bytes; and, where a registry has them already, which one: a blob of the same host is mounted
instead of sent, and one of another host is handed on in a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from typing import Protocol

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry.places import Places
from buildkit.registry.registry import Reader, Registry


class Source(Protocol):
    """What a push needs of where an image is."""

    def open(self, digest: Digest) -> AbstractContextManager[Reader]:
        """A blob's bytes, from the beginning."""
        ...

    def read(self, digest: Digest) -> bytes:
        """All bytes of a manifest or an index."""
        ...

    def origin(self, digest: Digest, host: str) -> Reference | None:
        """A repository that holds the blob, if one is known; rather one of this host."""
        ...

    def near(self, digest: Digest) -> bool:
        """Whether the blob's bytes are on this machine."""
        ...


class Blobs(Protocol):
    """What is needed of a blob store."""

    def has(self, digest: Digest) -> bool:
        """Whether it can be opened."""
        ...

    def open(self, digest: Digest) -> AbstractContextManager[Reader]:
        """The blob's bytes, from the beginning."""
        ...

    def read(self, digest: Digest) -> bytes:
        """All bytes of a small blob."""
        ...


def _nowhere(host: str) -> Registry:
    raise BuildFailure(f"there is no way to registry '{host}'")


@dataclass(frozen=True, slots=True)
class StoreSource:
    """A store, and registries for the layers that it need not have: those of a base image."""

    store: Blobs
    origins: Mapping[Digest, Reference] = field(default_factory=dict)
    registry_of: Callable[[str], Registry] = _nowhere
    places: Places | None = None

    def open(self, digest: Digest) -> AbstractContextManager[Reader]:
        """From the store, else from where it comes from."""
        origin = self.origins.get(digest)
        if origin is None or self.store.has(digest):
            return self.store.open(digest)
        return self.registry_of(origin.host).open_blob(origin.repository, digest)

    def read(self, digest: Digest) -> bytes:
        """From the store."""
        return self.store.read(digest)

    def origin(self, digest: Digest, host: str) -> Reference | None:
        """What the map says; else, or if that is another host, where the blob was pushed before."""
        origin = self.origins.get(digest)
        if origin and origin.host == host:
            return origin
        return (self.places.find(host, digest) if self.places else None) or origin

    def near(self, digest: Digest) -> bool:
        """Only what has an origin may be elsewhere."""
        return digest not in self.origins or self.store.has(digest)


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """An image in a registry, at `place`."""

    registry: Registry
    place: Reference

    def open(self, digest: Digest) -> AbstractContextManager[Reader]:
        """A verified stream."""
        return self.registry.open_blob(self.place.repository, digest)

    def read(self, digest: Digest) -> bytes:
        """A manifest; raises BuildFailure if the repository has none of this digest."""
        document = self.registry.manifest(self.place.repository, str(digest))
        if document is None:
            raise BuildFailure(f"'{self.place.host}/{self.place.repository}' has no manifest {digest}")
        return document.data

    def origin(self, digest: Digest, host: str) -> Reference | None:
        """Always here."""
        return self.place

    def near(self, digest: Digest) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """An image of which only a way to open its blobs is known, such as a layout or an archive."""

    open_blob: Callable[[Digest], AbstractContextManager[Reader]]

    def open(self, digest: Digest) -> AbstractContextManager[Reader]:
        """The blob."""
        return self.open_blob(digest)

    def read(self, digest: Digest) -> bytes:
        """All of a manifest, whose size is known from the digest."""
        with self.open_blob(digest) as reader:
            return b"".join(iter(lambda: reader.read(1 << 20), b""))

    def origin(self, digest: Digest, host: str) -> Reference | None:
        """Not known."""
        return None

    def near(self, digest: Digest) -> bool:
        """As far as is known."""
        return True
