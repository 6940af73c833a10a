"""A registry with a mirror before it: what is pulled is asked for there first, and then of the registry itself.

In: two registries and how the mirror names repositories. Out: a `Registry`. Only manifests and blobs are asked of the
mirror: what is listed, pushed or deleted is the registry's own business. Each is spoken to with its own login. A mirror
that fails is warned of, and not asked for manifests again; its blobs are held against their digests like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import Listener, Warned
from buildkit.oci.blobs import Verified
from buildkit.oci.descriptor import Descriptor
from buildkit.reference import Reference
from buildkit.registry.registry import Document, Moved, OpenBlob, Reader, Registry, Sent


class MirroredRegistry:
    """The registry at `host`; `place_of` says where in the mirror a repository is. Safe to use from several threads."""

    def __init__(
        self, host: str, registry: Registry, mirror: Registry, place_of: Callable[[str], Reference], listener: Listener
    ) -> None:
        self._host = host
        self._registry = registry
        self._mirror = mirror
        self._place_of = place_of
        self._listener = listener
        self._failed = False
        self._lacking: set[str] = set()  # repositories whose manifests the mirror lacks, and so most likely blobs

    def access(self, repository: str, *, push: bool = False, sources: Iterable[str] = ()) -> None:
        """Of the registry; a mirror is only read."""
        self._registry.access(repository, push=push, sources=sources)

    def manifest(self, repository: str, name: str) -> Document | None:
        """The mirror's, else the registry's."""
        try:
            found = None if self._failed else self._mirror.manifest(self._place_of(repository).repository, name)
        except EnvironmentFault as fault:
            self._give_up(repository, fault)
            found = None
        if found:
            return found
        own = self._registry.manifest(repository, name)
        if own:
            self._lacking.add(repository)
        return own

    def open_blob(
        self, repository: str, digest: Digest, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Reader]:
        """From the mirror; where it fails, on from there from the registry. Whole reads are verified."""
        if self._failed or repository in self._lacking:
            return self._registry.open_blob(repository, digest, offset, length)
        return self._opened(repository, digest, offset, length)

    @contextmanager
    def _opened(self, repository: str, digest: Digest, offset: int, length: int | None) -> Iterator[Reader]:
        with ExitStack() as stack:
            place = self._place_of(repository)
            first = stack.enter_context(self._mirror.open_blob(place.repository, digest, offset, length))

            def second(passed: int, fault: EnvironmentFault) -> Reader:
                self._warn(repository, fault)
                left = (digest.size - offset if length is None else length) - passed
                # A rest cannot be verified by itself; it is here, together with what came before.
                rest = (offset + passed, left) if passed or offset or length is not None else (0, None)
                return stack.enter_context(self._registry.open_blob(repository, digest, *rest))

            reader = _Falling(first, second)
            whole = offset == 0 and length in (None, digest.size)
            yield Verified(reader, digest, f"blob {digest} of '{place}'") if whole else reader

    def _give_up(self, repository: str, fault: EnvironmentFault) -> None:
        self._failed = True
        self._warn(repository, fault)

    def _warn(self, repository: str, fault: EnvironmentFault) -> None:
        place = self._place_of(repository).host
        self._listener(
            Warned(f"mirror '{place}' does not help, so registry '{self._host}' itself is asked: {fault.message}")
        )

    def has(self, repository: str, digest: Digest) -> bool:
        """Whether the registry itself has it: others will ask there."""
        return self._registry.has(repository, digest)

    def mount(self, repository: str, digest: Digest, source_repository: str) -> bool:
        """In the registry."""
        return self._registry.mount(repository, digest, source_repository)

    def push_blob(
        self,
        repository: str,
        digest: Digest,
        open_blob: OpenBlob,
        moved: Moved,
        source_repository: str | None = None,
    ) -> bool:
        """To the registry."""
        return self._registry.push_blob(repository, digest, open_blob, moved, source_repository)

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        """To the registry."""
        return self._registry.send_blob(repository, size, open_blob, moved)

    def name_blob(self, sent: Sent, digest: Digest) -> bool:
        """To the registry."""
        return self._registry.name_blob(sent, digest)

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        """To the registry."""
        return self._registry.push_manifest(repository, name, manifest, media_type)

    def tags(self, repository: str) -> list[str]:
        """The registry's."""
        return self._registry.tags(repository)

    def referrers(self, repository: str, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...] | None:
        """The registry's."""
        return self._registry.referrers(repository, digest, artifact_type)

    def delete_manifest(self, repository: str, name: str) -> bool:
        """In the registry."""
        return self._registry.delete_manifest(repository, name)


class _Falling:
    """A reader that goes on with another one where the first fails."""

    def __init__(self, first: Reader, second: Callable[[int, EnvironmentFault], Reader]) -> None:
        self._reader = first
        self._second: Callable[[int, EnvironmentFault], Reader] | None = second
        self._passed = 0

    def read(self, size: int, /) -> bytes:
        try:
            data = self._reader.read(size)
        except EnvironmentFault as fault:
            if self._second is None:
                raise
            self._reader, self._second = self._second(self._passed, fault), None
            data = self._reader.read(size)
        self._passed += len(data)
        return data
