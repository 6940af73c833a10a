"""Requests to one registry host and answers, with logins, redirects and patience.

In: a `Call`, and a session to send it with. Out: the answer, whatever its status, except for those that are faults in
any case: no login (401), no permission (403), and what time may mend, after it was tried again.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from buildkit.errors import EnvironmentFault
from buildkit.events import Listener
from buildkit.records import dataclass
from buildkit.registry.answers import PASSING, settle
from buildkit.registry.authorization import Authorization, TokenRequest
from buildkit.registry.body import Window
from buildkit.registry.credentials import Logins
from buildkit.registry.faults import Peer, is_refused_tls
from buildkit.registry.hub import api_host
from buildkit.registry.retry import RETRIED_STATUSES, Patience, Transient, parse_retry_after, retry

_REDIRECTS = 5
# This machine itself is never reached by way of a proxy (as Go's clients, docker among them, do it).
_DIRECT = {"http": "", "https": "", "all": ""}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is meant, whichever host it is sent on to."""

    method: str
    url: str
    doing: str
    repository: str = ""
    headers: Mapping[str, str] | None = None
    body: bytes | Window | str | Mapping[str, str] | None = None
    stream: bool = False
    scopes: tuple[str, ...] = ()  # what a token must allow; none where the registry's challenge says it
    large: bool = False  # a registry may hash or move a large blob before it answers


class Exchange:
    """The way to speak to one host, learnt on the way. Safe to use from several threads."""

    def __init__(
        self,
        session: requests.Session,
        peer: Peer,
        logins: Logins,
        listener: Listener,
        patience: Patience,
    ) -> None:
        self._peer = peer
        self.origin = f"{'http' if peer.plain_http else 'https'}://{api_host(peer.host)}"
        self._session = session
        self._logins = logins
        self._listener = listener
        self._patience = patience
        self._authorizations: dict[str, Authorization] = {}
        self._lock = threading.Lock()

    def retried(self, call: Call) -> requests.Response:
        """`answered`, as often as it takes; for calls whose body is small."""
        return retry(lambda: self.answered(call), self._patience, self._listener)

    @property
    def asked(self) -> bool:
        """Whether the registry has asked for a login, or a token."""
        with self._lock:
            return any(authorization.challenged for authorization in self._authorizations.values())

    def answered(self, call: Call) -> requests.Response:
        """Send with what is known of the host's way; learn from a 401 once. Raises Transient for what may pass."""
        response, sent = self.sent(call)
        authorization = self._authorization(call)
        if response.status_code == 401 and self._is_own(response.url):
            challenges = response.headers.get("WWW-Authenticate", "")
            if call.stream:
                response.close()
            if authorization.learn(challenges, call.scopes, sent):
                response, sent = self.sent(call)
        status = response.status_code
        if status == 401:
            raise self._peer.unauthorized(call.doing, authorization.login, response.content)
        if status == 403:
            raise self._peer.forbidden(call.doing, authorization.login, response.content)
        if status in RETRIED_STATUSES:
            after = parse_retry_after(response.headers.get("Retry-After"), self._patience.now())
            raise Transient(self._peer.unexpected(call.doing, status, response.content), after)
        return response

    def sent(self, call: Call) -> tuple[requests.Response, str | None]:
        """Send, following redirects; a login goes to the registry's own origin only. Also gives the header sent."""
        url, sent = call.url, None
        for _ in range(_REDIRECTS):
            sent = self._authorization(call).header(call.scopes) if self._is_own(url) else None
            login = {"Authorization": sent} if sent else {}
            response = self._exchanged(call.method, url, {**(call.headers or {}), **login}, call)
            if not response.is_redirect:
                return response, sent
            url = self.target(response, call)
        raise self._peer.wrong(call.doing, f"redirects more than {_REDIRECTS} times")

    def unreachable(self, url: str, call: Call, error: BaseException) -> EnvironmentFault:
        """The fault of a host that does not answer: the registry, or where it led."""
        return self._peer.unreachable(call.doing, error, "" if self._is_own(url) else _place(url))

    def target(self, response: requests.Response, call: Call) -> str:
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
            raise self._peer.wrong(call.doing, f"leads to '{_place(url)}' without encryption")
        return url

    def _exchanged(self, method: str, url: str, headers: Mapping[str, str], call: Call) -> requests.Response:
        answer = self._patience.ending if call.large else self._patience.stall
        try:
            response: requests.Response = self._session.request(
                method,
                url,
                data=call.body,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=(self._patience.connect, answer),
                allow_redirects=False,
                proxies=_DIRECT if _is_loopback(url) else None,
            )
            if not call.stream or response.status_code >= 300:
                settle(response, self._patience.ending)
            return response
        except (requests.RequestException, HTTPError, ValueError) as error:  # ValueError: a URL or header that is none
            fault = self.unreachable(url, call, error)
            passing = isinstance(error, PASSING) and not is_refused_tls(error)
            raise (Transient(fault) if passing else fault) from error

    def _authorization(self, call: Call) -> Authorization:
        """The host's way of asking for this repository; a login may be for one repository only."""
        with self._lock:
            if call.repository not in self._authorizations:
                login = self._logins.find(self._peer.host, call.repository)
                self._authorizations[call.repository] = Authorization(self._peer, login, self._ask)
            return self._authorizations[call.repository]

    def _ask(self, request: TokenRequest) -> tuple[int, bytes]:
        method = "GET" if request.form is None else "POST"
        call = Call(method, request.url, request.doing, headers=request.headers, body=request.form)

        def ask() -> requests.Response:
            response = self._exchanged(method, request.url, request.headers, call)
            if response.status_code in RETRIED_STATUSES:
                raise Transient(self._peer.unexpected(call.doing, response.status_code, response.content))
            return response

        response = retry(ask, self._patience, self._listener)
        return response.status_code, response.content

    def _is_own(self, url: str) -> bool:
        try:
            return _origin(url) == _origin(self.origin)
        except ValueError:  # a host that is none: sending says so
            return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454); raises ValueError for a port that is none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _place(url: str) -> str:
    """Host and port of a URL, and nothing of the rest: it may be a secret."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return ""


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
