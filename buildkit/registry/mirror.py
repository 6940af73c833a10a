"""A registry with a mirror before it: what is pulled is asked for there first, and then of the registry itself.

In: two registries and how the mirror names repositories. Out: a `Registry`. Only manifests and blobs are asked of the
mirror: what is listed, pushed or deleted is the registry's own business. Each is spoken to with its own login. A mirror
that fails or lies is warned of once, and passed over from then on. Its blobs are held against their digests: small ones
before a byte is handed on; of large ones wrong bytes may have been, so `MirrorLied` has their reader begin anew, which
`past_mirrors` does. Parts of blobs, which nobody can check, are the registry's own.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import ParamSpec, TypeVar

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Listener, Warned
from buildkit.oci.blobs import LARGEST_DOCUMENT, Verified
from buildkit.oci.descriptor import Descriptor
from buildkit.reference import Reference
from buildkit.registry.contents import is_manifest
from buildkit.registry.registry import Document, Moved, OpenBlob, Reader, Registry, Sent

_CHUNK = 1 << 20
_LOCK = threading.Lock()
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class MirrorLied(EnvironmentFault):
    """Bytes of a mirror that were handed on already are wrong. It is passed over by now: what took them begins anew."""


def past_mirrors(work: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """The same work, begun anew where a mirror lied: at most once for each, since none is asked again."""

    @functools.wraps(work)
    def done(*given: _Given.args, **named: _Given.kwargs) -> _Result:
        while True:
            try:
                return work(*given, **named)
            except MirrorLied:
                continue

    return done


class MirroredRegistry:
    """The registry at `host`; `place_of` says where in the mirror a repository is. Safe to use from several threads.

    `passed` are the hosts whose mirrors are passed over, kept for all registries of a session.
    """

    def __init__(
        self,
        host: str,
        registry: Registry,
        mirror: Registry,
        place_of: Callable[[str], Reference],
        listener: Listener,
        passed: set[str],
    ) -> None:
        self._host = host
        self._registry = registry
        self._mirror = mirror
        self._place_of = place_of
        self._listener = listener
        self._passed = passed
        self._lacking: set[str] = set()  # repositories whose manifests the mirror lacks, and so most likely blobs

    def access(self, repository: str, *, push: bool = False, sources: Iterable[str] = ()) -> None:
        """Of the registry; a mirror is only read."""
        self._registry.access(repository, push=push, sources=sources)

    def manifest(self, repository: str, name: str) -> Document | None:
        """The mirror's, else the registry's."""
        if self._host not in self._passed:
            try:
                found = self._mirror.manifest(self._place_of(repository).repository, name)
                if found and not is_manifest(found.data):
                    raise EnvironmentFault(f"what it has as '{name}' of '{repository}' is no image manifest or index")
                if found:
                    return found
            except EnvironmentFault as fault:
                self._give_up(repository, fault)
        own = self._registry.manifest(repository, name)
        if own:
            self._lacking.add(repository)
        return own

    def open_blob(
        self, repository: str, digest: Digest, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Reader]:
        """From the mirror; where it breaks off, on from there from the registry. Parts are the registry's.

        Reading raises MirrorLied at the end of a large blob of which the mirror gave other bytes.
        """
        whole = offset == 0 and length in (None, digest.size)
        if not whole or self._host in self._passed or repository in self._lacking:
            return self._registry.open_blob(repository, digest, offset, length)
        if digest.size > LARGEST_DOCUMENT:
            return self._streamed(repository, digest)
        try:
            return nullcontext(io.BytesIO(self._read(repository, digest)))
        except BuildError as fault:
            self._give_up(repository, fault)
            return self._registry.open_blob(repository, digest)

    def _read(self, repository: str, digest: Digest) -> bytes:
        place = self._place_of(repository)
        with self._mirror.open_blob(place.repository, digest) as source:
            reader = Verified(source, digest, f"blob {digest} of '{place}'")
            return b"".join(iter(lambda: reader.read(_CHUNK), b""))

    @contextmanager
    def _streamed(self, repository: str, digest: Digest) -> Iterator[Reader]:
        with ExitStack() as stack:
            place = self._place_of(repository)
            first = stack.enter_context(self._mirror.open_blob(place.repository, digest))

            def second(done: int, fault: EnvironmentFault) -> Reader:
                self._give_up(repository, fault)
                # A rest cannot be verified by itself; it is here, together with what came before.
                rest = (done, digest.size - done) if done else (0, None)
                return stack.enter_context(self._registry.open_blob(repository, digest, *rest))

            def lied(failure: BuildFailure) -> MirrorLied:
                fault = MirrorLied(failure.message, hint="run it again")
                self._give_up(repository, fault)
                return fault

            reader = _Proven(Verified(_Falling(first, second), digest, f"blob {digest} of '{place}'"), lied)
            try:
                yield reader
            except BuildFailure:
                # Whoever made sense of the bytes could not; the rest of them tells whether they were the blob's.
                while reader.read(_CHUNK):
                    pass
                raise

    def _give_up(self, repository: str, fault: BuildError) -> None:
        with _LOCK:
            told = self._host in self._passed
            self._passed.add(self._host)
        if not told:
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


class _Proven:
    """A verified reader whose fault is the mirror's."""

    def __init__(self, reader: Verified, lied: Callable[[BuildFailure], MirrorLied]) -> None:
        self._reader = reader
        self._lied = lied

    def read(self, size: int, /) -> bytes:
        try:
            return self._reader.read(size)
        except BuildFailure as failure:
            raise self._lied(failure) from None
