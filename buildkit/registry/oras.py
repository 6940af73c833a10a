"""The adapter to oras-py: a registry over HTTP, with the session of oras and our own bytes, logins and patience.

In: a host and how to speak to it. Out: a `Registry`. What oras-py inherits for other calls goes through the same
`do_request`. This is the only file that knows oras and requests; it is imported when a registry is first spoken to.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from oras.provider import Registry as OrasProvider  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import Listener
from buildkit.registry.authorization import Authorization, TokenRequest
from buildkit.registry.body import BlobBody
from buildkit.registry.credentials import Credentials
from buildkit.registry.faults import Peer
from buildkit.registry.registry import Moved, OpenBlob
from buildkit.registry.retry import RETRIED_STATUSES, Patience, Transient, parse_retry_after, retry

_REDIRECTS = 5
_CONNECTIONS = 32
_CONNECT_SECONDS = 10
# A registry may hash or move a large blob before it answers the request that ends the upload.
_ANSWER_SECONDS = 300
# This machine itself is never reached by way of a proxy (as Go's clients, docker among them, do it).
_DIRECT = {"http": "", "https": "", "all": ""}


@dataclass(frozen=True, slots=True)
class _Call:
    """One request as it is meant, whichever host it is sent on to."""

    method: str
    url: str
    doing: str
    repository: str = ""
    headers: Mapping[str, str] | None = None
    body: bytes | BlobBody | str | Mapping[str, str] | None = None
    stream: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        return (f"repository:{self.repository}:pull,push",) if self.repository else ()


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
        self._peer = Peer(host, plain_http)
        self._origin = f"{self.prefix}://{host}"
        self._credentials = credentials
        self._listener = listener
        self._patience = patience or Patience()
        self._authorizations: dict[str, Authorization] = {}
        self._lock = threading.Lock()
        adapter = _Adapter(_trust(host, ca))
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)
        # Without a callable as `auth`, requests would replace our header by what ~/.netrc has for the host.
        self.session.headers["User-Agent"] = "mbuild"
        self.session.auth = lambda request: request

    def has(self, repository: str, digest: Digest) -> bool:
        """HEAD the blob; a size other than its own counts as absent."""
        call = _Call("HEAD", self._url(repository, f"blobs/{digest}"), f"asking for blob {digest}", repository)
        response = self._retried(call)
        if response.status_code == 404:
            return False
        self._expect(response, call, 200)
        return response.headers.get("Content-Length", str(digest.size)) == str(digest.size)

    def push_blob(self, repository: str, digest: Digest, open_blob: OpenBlob, moved: Moved) -> None:
        """Upload by POST and one streamed PUT; what breaks off begins again with a new POST."""
        body = BlobBody(digest, open_blob, moved)
        doing = f"pushing blob {digest} to '{repository}'"
        retry(lambda: self._upload(repository, digest, body, doing), self._patience, self._listener)

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> None:
        """PUT the bytes as they are, and check under which digest they were stored."""
        url = self._url(repository, f"manifests/{name}")
        doing = f"pushing manifest '{name}' to '{repository}'"
        call = _Call("PUT", url, doing, repository, {"Content-Type": media_type}, manifest)
        self._stored(self._expect(self._retried(call), call, 200, 201, 202), call, Digest.of(manifest))

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
        return self._retried(_Call(method, url, f"asking for '{path}'", "", headers, body, stream))

    def _upload(self, repository: str, digest: Digest, body: BlobBody, doing: str) -> None:
        start = _Call("POST", self._url(repository, "blobs/uploads/"), doing, repository, body=b"")
        response = self._expect(self._answered(start), start, 202, 201)
        if response.status_code == 201:
            return
        place = self._target(response, start)
        url = f"{place}{'&' if urlsplit(place).query else '?'}{urlencode({'digest': str(digest)})}"
        headers = {"Content-Type": "application/octet-stream"}
        # requests takes an empty iterable for one of unknown length, and would send it in chunks.
        finish = _Call("PUT", url, doing, repository, headers, body if digest.size else b"")
        try:
            self._stored(self._expect(self._answered(finish), finish, 201, 202, 204), finish, digest)
        except BaseException:
            self._cancel(replace(start, method="DELETE", url=place))
            raise

    def _cancel(self, call: _Call) -> None:
        # The failure is already on its way to the user; a registry also drops old uploads by itself.
        try:
            self._sent(call)
        except (EnvironmentFault, Transient):
            return

    def _stored(self, response: requests.Response, call: _Call, digest: Digest) -> None:
        stored = response.headers.get("Docker-Content-Digest", str(digest))
        if stored != str(digest):
            raise self._peer.wrong(call.doing, f"stored '{stored[:80]}' where {digest} was sent")

    def _expect(self, response: requests.Response, call: _Call, *statuses: int) -> requests.Response:
        if response.status_code not in statuses:
            raise self._peer.unexpected(call.doing, response.status_code, response.content)
        return response

    def _retried(self, call: _Call) -> requests.Response:
        return retry(lambda: self._answered(call), self._patience, self._listener)

    def _answered(self, call: _Call) -> requests.Response:
        """Send with what is known of the host's way; learn from a 401 once. Raises Transient for what may pass."""
        response, sent = self._sent(call)
        authorization = self._authorization(call)
        if response.status_code == 401 and self._is_own(response.url):
            challenges = response.headers.get("WWW-Authenticate", "")
            if authorization.learn(challenges, call.scopes, sent):
                response, sent = self._sent(call)
        status = response.status_code
        if status == 401:
            raise self._peer.unauthorized(call.doing, authorization.known, response.content)
        if status == 403:
            raise self._peer.forbidden(call.doing, authorization.known, response.content)
        if status in RETRIED_STATUSES:
            after = parse_retry_after(response.headers.get("Retry-After"), self._patience.now())
            raise Transient(self._peer.unexpected(call.doing, status, response.content), after)
        return response

    def _sent(self, call: _Call) -> tuple[requests.Response, str | None]:
        """Send, following redirects; a login goes to the registry's own origin only. Also gives the header sent."""
        url, sent = call.url, None
        for _ in range(_REDIRECTS):
            sent = self._authorization(call).header(call.scopes) if self._is_own(url) else None
            login = {"Authorization": sent} if sent else {}
            response = self._exchanged(call.method, url, {**(call.headers or {}), **login}, call)
            if not response.is_redirect:
                return response, sent
            url = self._target(response, call)
        raise self._peer.wrong(call.doing, f"redirects more than {_REDIRECTS} times")

    def _target(self, response: requests.Response, call: _Call) -> str:
        """Where a `Location` leads; it may be relative, and lead to another host, but not to one without TLS."""
        location = response.headers.get("Location")
        try:
            url = urljoin(response.url, location or "")
            scheme, host, _ = _origin(url)
        except ValueError:
            raise self._peer.wrong(call.doing, "did not say where to go on") from None
        if not location or not host or scheme not in ("http", "https"):
            raise self._peer.wrong(call.doing, "did not say where to go on")
        if scheme == "http" and not self._peer.plain_http:
            raise self._peer.wrong(call.doing, "leads to a place without encryption")
        return url

    def _exchanged(self, method: str, url: str, headers: Mapping[str, str], call: _Call) -> requests.Response:
        try:
            response: requests.Response = self.session.request(
                method,
                url,
                data=call.body,
                headers={"Accept-Encoding": "identity", **headers},
                stream=call.stream,
                verify=self._tls_verify,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                allow_redirects=False,
                proxies=_DIRECT if _is_loopback(url) else None,
            )
            return response
        except requests.exceptions.SSLError as error:
            raise self._peer.unreachable(call.doing, error) from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise Transient(self._peer.unreachable(call.doing, error)) from error
        except requests.RequestException as error:
            raise self._peer.unreachable(call.doing, error) from error

    def _authorization(self, call: _Call) -> Authorization:
        """The host's way of asking for this repository; a login may be for one repository only."""
        with self._lock:
            if call.repository not in self._authorizations:
                login = self._credentials.find(self._peer.host, call.repository)
                self._authorizations[call.repository] = Authorization(self._peer, login, self._ask)
            return self._authorizations[call.repository]

    def _ask(self, request: TokenRequest) -> tuple[int, bytes]:
        method = "GET" if request.form is None else "POST"
        call = _Call(method, request.url, request.doing, headers=request.headers, body=request.form)

        def ask() -> requests.Response:
            response = self._exchanged(method, request.url, request.headers, call)
            if response.status_code in RETRIED_STATUSES:
                raise Transient(self._peer.unexpected(call.doing, response.status_code, response.content))
            return response

        response = retry(ask, self._patience, self._listener)
        return response.status_code, response.content

    def _is_own(self, url: str) -> bool:
        return _origin(url) == _origin(self._url("", ""))

    def _url(self, repository: str, rest: str) -> str:
        return f"{self._origin}/v2/{repository}/{rest}"


class _Adapter(HTTPAdapter):
    """Connections that trust the machine's certificate authorities beside those that requests brings along."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **others: object) -> None:
        """Hand the context to every connection."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._trust, **others)


def _trust(host: str, ca: str | None) -> ssl.SSLContext:
    """The machine's trust and `ca` beside it: a token server may have a certificate of another authority."""
    context = ssl.create_default_context()
    try:
        if ca:
            context.load_verify_locations(ca)
    except OSError as error:  # ssl.SSLError is one
        why = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise EnvironmentFault(
            f"cannot read '{ca}', the certificate authority of registry '{host}': {why}",
            hint=f"mend 'ca' below [registry.\"{host}\"] in mbuild.toml",
        ) from error
    return context


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454); raises ValueError for a port that is none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
