"""One registry host: calls to its repositories, and how their answers are judged.

In: a repository, the rest of a path, what is being done. Out: answers with a status that was hoped for; anything else
is an `EnvironmentFault` that says what was being done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

import requests

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import Listener
from buildkit.records import dataclass
from buildkit.registry.answers import PASSING, settle, whole
from buildkit.registry.exchange import Call, Exchange
from buildkit.registry.faults import Peer
from buildkit.registry.manner import Manner
from buildkit.registry.retry import Patience, Transient, retry


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its headers, and all of a small body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Host:
    """What every phase of a push or a pull needs to speak to the registry. Safe to use from several threads."""

    peer: Peer
    exchange: Exchange
    patience: Patience
    listener: Listener
    manner: Manner = field(default_factory=Manner)
    _scopes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def access(self, repository: str, *, push: bool, sources: Iterable[str]) -> None:
        """Ask for these rights with the next token for the repository."""
        self._scopes[repository] = _scopes(repository, push, sources)

    def call(
        self,
        method: str,
        repository: str,
        rest: str,
        doing: str,
        *,
        push: bool = False,
        source: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        stream: bool = False,
    ) -> Call:
        """A request to `/v2/REPOSITORY/REST`, with the rights that were said to be needed, or those it needs itself."""
        scopes = _scopes(repository, push, [source] if source else [])
        declared = self._scopes.get(repository, ())
        if all(scope in declared or f"{scope},push" in declared for scope in scopes):
            scopes = declared
        url = f"{self.exchange.origin}/v2/{repository}/{rest}"
        return Call(method, url, doing, repository, headers, body, stream, scopes)

    def expect(self, response: requests.Response, call: Call, *statuses: int) -> requests.Response:
        """The response, if its status is one of these."""
        if response.status_code not in statuses:
            raise self.unexpected(response, call)
        return response

    def unexpected(self, response: requests.Response, call: Call) -> EnvironmentFault:
        """The fault that an answer is, in the registry's words."""
        try:
            settle(response, self.patience.stall)
            words = response.content
        except requests.RequestException:
            words = b""
        return self.peer.unexpected(call.doing, response.status_code, words)

    def small(self, call: Call, *statuses: int, limit: int) -> Answer:
        """Send, tried again as often as it takes, and read an answer of at most `limit` bytes."""
        return retry(lambda: self._small(call, statuses, limit), self.patience, self.listener)

    def _small(self, call: Call, statuses: tuple[int, ...], limit: int) -> Answer:
        with self.exchange.answered(call) as response:
            try:
                body = whole(response, self.peer, call.doing, limit, self.patience.ending)
            except PASSING as error:
                raise Transient(self.exchange.unreachable(response.url, call, error)) from error
            except requests.RequestException as error:
                raise self.exchange.unreachable(response.url, call, error) from error
        if response.status_code not in statuses:
            raise self.peer.unexpected(call.doing, response.status_code, body)
        return Answer(response.status_code, response.headers, body)

    def check_digest(self, headers: Mapping[str, str], call: Call, digest: Digest, verb: str) -> None:
        """Raise the fault of a registry that names another digest than the one that is meant."""
        said = headers.get("Docker-Content-Digest", str(digest))
        if said != str(digest):
            raise self.peer.wrong(call.doing, f"{verb} '{self.peer.secrets.hide(said)[:80]}' where {digest} was sent")


def _scopes(repository: str, push: bool, sources: Iterable[str]) -> tuple[str, ...]:
    """The scopes of a token: the repository's own first (distribution, token scope documentation)."""
    others = sorted({*sources} - {repository})
    own = f"repository:{repository}:{'pull,push' if push else 'pull'}"
    return (own, *(f"repository:{source}:pull" for source in others))
