"""One file from outside into the store, checked while it streams.

In: a `FetchRequest` and this machine's `Sources`. Out: the digest of what is now in the store, which is the one that
was asked for; else a BuildFailure (other bytes: both digests are shown, nothing is kept), or an EnvironmentFault
(nobody serves it, nobody answers, or `--offline`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.events import Listener, Progress
from buildkit.fetch.address import host, local_path, shown
from buildkit.fetch.network import Absent, receive
from buildkit.fetch.python import wheel_places
from buildkit.fetch.request import FetchRequest, Source
from buildkit.fetch.sources import Sources
from buildkit.store import BlobStore

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 18
_REPORT_EVERY = 1 << 20
_MOST_UNEXPECTED = 1 << 30

_HINTS = {
    Source.PYTHON: "check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name",
    Source.DEBIAN: "check the network, and which mirror apt, or 'mirror' under [debian] in mbuild.toml, names; "
    "for files that left the mirrors name a 'snapshot' there",
    Source.HTTP: "check the network and the address",
}


def fetch(request: FetchRequest, store: BlobStore, sources: Sources, *, offline: bool, report: Listener) -> Digest:
    """Bring a file into the store unless it is there. Touches the network and local folders."""
    if request.size >= 0 and store.has(request.digest):
        return request.digest
    return _Fetching(request, store, sources, offline, report).run()


class _Fetching:
    """The places asked so far for one file, and what they said."""

    def __init__(
        self, request: FetchRequest, store: BlobStore, sources: Sources, offline: bool, report: Listener
    ) -> None:
        self.request, self.store, self.sources = request, store, sources
        self.offline, self.report = offline, report
        self.asked: list[str] = []

    def run(self) -> Digest:
        faults: list[EnvironmentFault] = []
        others: list[BuildFailure] = []
        for url in self._reachable(faults):
            self.asked.append(shown(url))
            try:
                return self._from(url)
            except Absent:
                continue
            except EnvironmentFault as unreachable:
                faults.append(unreachable)
            except BuildFailure as other_bytes:
                others.append(other_bytes)  # another place may still have the right ones
        raise [*others, *faults, self._nowhere()][0]

    def _reachable(self, faults: list[EnvironmentFault]) -> Iterator[str]:
        for url in self._places(faults):
            if local_path(url) or not self.offline:
                yield url

    def _places(self, faults: list[EnvironmentFault]) -> Iterator[str]:
        match self.request.source:
            case Source.PYTHON:
                yield from wheel_places(self.request, self.sources, faults, offline=self.offline)
            case Source.DEBIAN:
                yield from (f"{mirror}/{self.request.filename}" for mirror in self.sources.debian_mirrors)
            case Source.HTTP:
                yield from self.request.urls

    def _from(self, url: str) -> Digest:
        path = local_path(url)
        if path is not None:
            return self._save(_file_chunks(path), url)

        def save(response: requests.Response) -> Digest:
            return self._save(response.iter_content(_CHUNK), url)

        request = self.request
        subject = f"'{request.subject}'"
        return receive(self.sources.network, url, save, subject=subject, hint=_HINTS[request.source])

    def _save(self, chunks: Iterable[bytes], url: str) -> Digest:
        request, sha256, size, told = self.request, hashlib.sha256(), 0, 0
        limit = request.size if request.size >= 0 else None
        with self.store.writer() as writer:
            for chunk in chunks:
                size += len(chunk)
                sha256.update(chunk)
                if limit is None or size <= limit:
                    writer.write(chunk)
                elif size > limit + _MOST_UNEXPECTED:
                    break
                if size - told >= _REPORT_EVERY:
                    told = size
                    self.report(Progress(request.subject, size, max(request.size, 0)))
            found = Digest(sha256.hexdigest(), size)
            if found.hex != request.sha256 or (limit is not None and size != limit):
                raise self._other_bytes(found, url)
            return writer.commit(found)

    def _other_bytes(self, found: Digest, url: str) -> BuildFailure:
        request = self.request
        namer = "its 'sha256' attribute" if request.source is Source.HTTP else "the lock"
        expected = f"{request.digest} ({request.size} bytes)" if request.size >= 0 else str(request.digest)
        return BuildFailure(
            f"the fetched '{request.subject}' is not the file that {namer} names",
            notes=(
                f"expected {expected}",
                f"found    {found} ({found.size} bytes)",
                f"from     {shown(url)}",
            ),
            hint="nothing was kept; find out who changed the file before you trust its new digest",
        )

    def _nowhere(self) -> EnvironmentFault:
        request, hint = self.request, _HINTS[self.request.source]
        if self.offline:
            message = f"'{request.subject}' ({request.digest}) is not in the store, and --offline forbids to fetch it"
            return EnvironmentFault(message, hint="fetch it once, with 'mbuild fetch'")
        if request.source is Source.DEBIAN and not self.sources.debian_mirrors:
            message = f"cannot fetch '{request.subject}': no Debian mirror is configured"
            return EnvironmentFault(message, hint="name one as 'mirror' under [debian] in mbuild.toml")
        return EnvironmentFault(f"nobody serves '{request.subject}'", notes=self._asked_notes(), hint=hint)

    def _asked_notes(self) -> tuple[str, ...]:
        if self.request.source is not Source.PYTHON:
            return tuple(f"asked {place}" for place in self.asked)
        places = (*self.sources.python_places(), *self.sources.python_indexes())
        return tuple(f"asked {place.alias}: {host(place.url)}" for place in places)


def _file_chunks(path: Path) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise Absent from None
    except OSError as fault:
        message = f"cannot read '{path}': {(fault.strerror or str(fault)).lower()}"
        raise EnvironmentFault(message, hint="check the file and its permissions") from fault
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
