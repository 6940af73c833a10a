"""The adapter to oras-py: a registry of the distribution specification, over oras's session.

In: a host and how to speak to it. Out: a `Registry` that sends our own bytes. What else oras-py can do goes through
`do_request`, and so with the same logins and patience. This is the only file that knows oras; it is imported when a
registry is first spoken to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import requests

from buildkit.digest import Digest
from buildkit.events import Listener
from buildkit.oci.descriptor import Descriptor
from buildkit.registry.body import BlobBody
from buildkit.registry.credentials import Logins
from buildkit.registry.download import BlobReader
from buildkit.registry.exchange import Call, Exchange
from buildkit.registry.faults import Peer
from buildkit.registry.host import Host
from buildkit.registry.listings import list_referrers, list_tags
from buildkit.registry.manifests import drop_manifest, read_manifest, store_manifest
from buildkit.registry.manner import Manner
from buildkit.registry.postponed import postpone
from buildkit.registry.registry import Document, Moved, OpenBlob, Reader, Sent
from buildkit.registry.retry import Patience
from buildkit.registry.session import prepare
from buildkit.registry.trust import Trust
from buildkit.registry.upload import Upload, has_blob, mount_blob, push_blob, send_blob

# oras checks manifests that it makes itself by it; we make our own, and it takes a tenth of a small push to read in.
postpone("jsonschema")

from oras.provider import Registry as OrasProvider  # type: ignore[import-untyped] # noqa: E402


class OrasRegistry(OrasProvider):  # type: ignore[misc]
    """A registry host that speaks the distribution specification; the `Registry` of real pushes."""

    def __init__(
        self,
        host: str,
        logins: Logins,
        listener: Listener,
        *,
        plain_http: bool = False,
        trust: Trust | None = None,
        patience: Patience | None = None,
        chunk: int | None = None,
    ) -> None:
        super().__init__(hostname=host, insecure=plain_http)
        patience, trust = patience or Patience(), trust or Trust()
        peer = Peer(host, plain_http, trust)
        prepare(self.session, peer, trust, patience.stall)
        exchange = Exchange(self.session, peer, logins, listener, patience)
        self._host = Host(peer, exchange, patience, listener, Manner(chunk))

    def access(self, repository: str, *, push: bool = False, sources: Iterable[str] = ()) -> None:
        """Ask for these rights with the next token."""
        self._host.access(repository, push=push, sources=sources)

    def has(self, repository: str, digest: Digest) -> bool:
        """HEAD the blob; a size other than its own counts as absent."""
        return has_blob(self._host, repository, digest)

    def mount(self, repository: str, digest: Digest, source_repository: str) -> bool:
        """POST that asks for the blob of another repository; an upload that is offered instead is given up."""
        return mount_blob(self._host, repository, digest, source_repository)

    def push_blob(
        self,
        repository: str,
        digest: Digest,
        open_blob: OpenBlob,
        moved: Moved,
        source_repository: str | None = None,
    ) -> bool:
        """Mount or upload; what breaks off goes on where the registry has kept what came, else begins again."""
        return push_blob(self._host, repository, BlobBody(digest, open_blob, moved), source_repository)

    def send_blob(self, repository: str, size: int, open_blob: OpenBlob, moved: Moved) -> Sent | None:
        """POST and PATCH; the PUT is what names the blob."""
        return send_blob(self._host, repository, BlobBody(size, open_blob, moved))

    def name_blob(self, sent: Sent, digest: Digest) -> bool:
        """That PUT."""
        return isinstance(sent, Upload) and sent.name(digest, self._host)

    def open_blob(
        self, repository: str, digest: Digest, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[Reader]:
        """GET the blob, or a range of it; nothing is sent before the first read."""
        return BlobReader(self._host, repository, digest, offset, length)

    def manifest(self, repository: str, name: str) -> Document | None:
        """GET a manifest and check it."""
        return read_manifest(self._host, repository, name)

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        """PUT the bytes as they are, and check under which digest they were stored."""
        return store_manifest(self._host, repository, name, manifest, media_type)

    def tags(self, repository: str) -> list[str]:
        """GET all pages of the list."""
        return list_tags(self._host, repository)

    def referrers(self, repository: str, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...] | None:
        """GET all pages of the list; filtered here where the registry did not."""
        return list_referrers(self._host, repository, digest, artifact_type)

    def delete_manifest(self, repository: str, name: str) -> bool:
        """DELETE; most registries take digests only."""
        return drop_manifest(self._host, repository, name)

    def accepts_login(self) -> bool:
        """GET `/v2/`; whether the registry asked for the login. Raises EnvironmentFault where it refuses it."""
        call = Call("GET", f"{self._host.exchange.origin}/v2/", "checking the login", stream=True)
        self._host.small(call, 200, limit=1 << 20)
        return self._host.exchange.asked

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: bytes | str | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        stream: bool = False,
    ) -> requests.Response:
        """What the calls that oras-py brings along use: our logins, patience and timeouts."""
        body = requests.Request(method, url, json=json).prepare().body if json is not None else data
        path = urlsplit(url).path.removeprefix("/v2/")
        return self._host.exchange.retried(Call(method, url, f"asking for '{path}'", "", headers, body, stream))
