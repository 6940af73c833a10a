"""How one registry host wants to be spoken to, learnt from its challenges.

In: scopes, challenges, and a login if there is one. Out: the value of the `Authorization` header, sent before it is
asked for once the host's way is known. Tokens are kept for a set of scopes, all asked for at once
(distribution, token authentication specification).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from urllib.parse import urlencode, urlsplit

from buildkit.records import dataclass
from buildkit.registry.challenge import Challenge, parse_challenges
from buildkit.registry.credentials import Credential
from buildkit.registry.faults import Peer

_DOING = "reading its challenge"
_LIFETIME = 60.0  # seconds, where a token does not tell (token authentication specification)
_TOKEN = re.compile(r"[!-~]+")  # what may stand in a header (RFC 6750, 2.1, says less)
_MARGIN = 10.0  # a token that ends sooner than this is taken as ended


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to a token server: `form` is sent by POST, without one it is a GET."""

    doing: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


Ask = Callable[[TokenRequest], tuple[int, bytes]]
"""Sends a token request and gives the answer's status and body."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    ends: float


class Authorization:
    """The headers for one host. Safe to use from several threads: they share each token."""

    def __init__(
        self, peer: Peer, credential: Credential | None, ask: Ask, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._peer = peer
        self._credential = credential
        if credential:
            peer.secrets.add(*credential.secrets)
        self._ask = ask
        self._now = now
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], _Token] = {}
        self._lock = threading.Lock()

    @property
    def login(self) -> Credential | None:
        """The login for this host, if there is one."""
        return self._credential

    @property
    def challenged(self) -> bool:
        """Whether the host has said how it wants to be asked."""
        return self._challenge is not None

    def header(self, scopes: Sequence[str]) -> str | None:
        """What to send along, as far as is known; asks for a token where the last one has ended."""
        with self._lock:
            return self._header(tuple(scopes))

    def learn(self, challenges: str, scopes: Sequence[str], refused: str | None) -> bool:
        """Take in a 401 to a request that carried `refused`; whether there is something else to try."""
        found = {challenge.scheme: challenge for challenge in reversed(parse_challenges(challenges))}
        challenge = found.get("bearer") or found.get("basic")
        if challenge is None:
            return False
        with self._lock:
            self._challenge = challenge
            kept = self._tokens.get(tuple(scopes))
            if kept and f"Bearer {kept.text}" == refused:
                del self._tokens[tuple(scopes)]
            return self._header(tuple(scopes)) not in (None, refused)

    def _header(self, scopes: tuple[str, ...]) -> str | None:
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            return self._credential.basic if self._credential and self._credential.username else None
        if self._credential and self._credential.registry_token:
            return f"Bearer {self._credential.registry_token}"
        kept = self._tokens.get(scopes)
        if kept is None or kept.ends <= self._now():
            kept = self._tokens[scopes] = self._token(self._challenge, scopes)
        return f"Bearer {kept.text}"

    def _token(self, challenge: Challenge, scopes: tuple[str, ...]) -> _Token:
        request = self._token_request(challenge, scopes or _scopes(challenge))
        status, body = self._ask(request)
        if status in (401, 403) and len(scopes) > 1:
            return self._token(challenge, scopes[:1])  # no right to mount from others: then it is sent
        if status in (401, 403):
            raise self._peer.unauthorized(request.doing, self.login, body)
        if status != 200:
            raise self._peer.unexpected(request.doing, status, body)
        try:
            answer = json.loads(body)
            text = answer.get("token") or answer["access_token"]
            lifetime = float(answer.get("expires_in") or _LIFETIME)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            text, lifetime = "", 0.0
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise self._peer.wrong(request.doing, "got no token")
        self._peer.secrets.add(text)
        return _Token(text, self._now() + max(lifetime - _MARGIN, 0.0))

    def _token_request(self, challenge: Challenge, scopes: tuple[str, ...]) -> TokenRequest:
        realm = challenge.parameters.get("realm", "")
        try:
            parts = urlsplit(realm)
            place = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        except ValueError:
            parts, place = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not place:
            raise self._peer.wrong(_DOING, "names no token server")
        if self._credential and parts.scheme == "http" and not self._peer.plain_http:
            raise self._peer.wrong(
                _DOING, f"names the token server '{place}' without encryption, to which no login is sent"
            )
        doing = f"asking its token server '{place}' for a token"
        service = {"service": challenge.parameters["service"]} if "service" in challenge.parameters else {}
        if self._credential and self._credential.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": self._credential.identity_token}
            return TokenRequest(doing, realm, {}, {**form, **service, "client_id": "mbuild", "scope": " ".join(scopes)})
        query = urlencode([*service.items(), *(("scope", scope) for scope in scopes)])
        url = f"{realm}{'&' if parts.query else '?'}{query}"
        return TokenRequest(doing, url, {"Authorization": self._credential.basic} if self._credential else {})


def _scopes(challenge: Challenge) -> tuple[str, ...]:
    return tuple(challenge.parameters.get("scope", "").split())
