"""The adapter to oras-py: a registry of the distribution specification, over oras's session.

In: a host and how to speak to it. Out: a `Registry` that sends our own bytes. What else oras-py can do goes through
`do_request`, and so with the same logins and patience. This is the only file that knows oras; it is imported when a
registry is first spoken to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import requests
from oras.provider import Registry as OrasProvider  # type: ignore[import-untyped]

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import Listener
from buildkit.registry.body import BlobBody
from buildkit.registry.credentials import Credentials
from buildkit.registry.exchange import Call, Exchange
from buildkit.registry.faults import Peer
from buildkit.registry.registry import Moved, OpenBlob
from buildkit.registry.retry import Patience, Transient, retry
from buildkit.registry.session import prepare

# The upload's session is unknown, or stands elsewhere than we think: another one can be opened.
_LOST = (404, 416)


class OrasRegistry(OrasProvider):  # type: ignore[misc]
    """A registry host that speaks the distribution specification; the `Registry` of real pushes."""

    def __init__(
        self,
        host: str,
        credentials: Credentials,
        listener: Listener,
        *,
        plain_http: bool = False,
        ca: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(hostname=host, insecure=plain_http)
        prepare(self.session, host, ca)
        self._listener = listener
        self._patience = patience or Patience()
        self._peer = Peer(host, plain_http)
        self._exchange = Exchange(self.session, self._peer, credentials, listener, self._patience)

    def has(self, repository: str, digest: Digest) -> bool:
        """HEAD the blob; a size other than its own counts as absent."""
        call = Call("HEAD", self._url(repository, f"blobs/{digest}"), f"asking for blob {digest}", repository)
        response = self._exchange.retried(call)
        if response.status_code == 404:
            return False
        self._expect(response, call, 200)
        return response.headers.get("Content-Length", str(digest.size)) == str(digest.size)

    def push_blob(self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved) -> None:
        """Upload by POST and one streamed PUT; what breaks off begins again with a new POST."""
        body = BlobBody(digest, open_blob, moved)
        retry(lambda: self._upload(repository, digest, body), self._patience, self._listener)

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> None:
        """PUT the bytes as they are, and check under which digest they were stored."""
        url = self._url(repository, f"manifests/{name}")
        doing = f"pushing manifest '{name}' to '{repository}'"
        call = Call("PUT", url, doing, repository, {"Content-Type": media_type}, manifest)
        self._stored(self._expect(self._exchange.retried(call), call, 200, 201, 202), call, Digest.of(manifest))

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
        return self._exchange.retried(Call(method, url, f"asking for '{path}'", "", headers, body, stream))

    def _upload(self, repository: str, digest: Digest, body: BlobBody) -> None:
        doing = f"pushing blob {digest} to '{repository}'"
        start = Call("POST", self._url(repository, "blobs/uploads/"), doing, repository, body=b"")
        response = self._expect(self._exchange.answered(start), start, 202, 201)
        if response.status_code == 201:
            return
        place = self._exchange.target(response, start)
        url = f"{place}{'&' if urlsplit(place).query else '?'}{urlencode({'digest': str(digest)})}"
        headers = {"Content-Type": "application/octet-stream"}
        # requests takes an empty iterable for one of unknown length, and would send it in chunks.
        finish = Call("PUT", url, doing, repository, headers, body if digest.size else b"")
        try:
            self._finish(finish, digest)
        except BaseException:
            self._cancel(replace(start, method="DELETE", url=place))
            raise

    def _finish(self, call: Call, digest: Digest) -> None:
        response = self._exchange.answered(call)
        if response.status_code in _LOST:
            raise Transient(self._peer.unexpected(call.doing, response.status_code, response.content))
        self._stored(self._expect(response, call, 201, 202, 204), call, digest)

    def _cancel(self, call: Call) -> None:
        # The failure is already on its way to the user; a registry also drops old uploads by itself.
        try:
            self._exchange.sent(call)
        except (EnvironmentFault, Transient):
            return

    def _stored(self, response: requests.Response, call: Call, digest: Digest) -> None:
        stored = response.headers.get("Docker-Content-Digest", str(digest))
        if stored != str(digest):
            raise self._peer.wrong(call.doing, f"stored '{stored[:80]}' where {digest} was sent")

    def _expect(self, response: requests.Response, call: Call, *statuses: int) -> requests.Response:
        if response.status_code not in statuses:
            raise self._peer.unexpected(call.doing, response.status_code, response.content)
        return response

    def _url(self, repository: str, rest: str) -> str:
        return f"{self._exchange.origin}/v2/{repository}/{rest}"
