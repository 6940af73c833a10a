"""A session of requests, made fit for a registry.

In: the session, the host, its certificates. Out: the session trusts what the machine trusts, and sends no login but
those that it is given, and the client certificate to its own host only.
"""

from __future__ import annotations

import ssl

import requests
from requests.adapters import HTTPAdapter

from buildkit.registry.trust import Trust

_CONNECTIONS = 32


def prepare(session: requests.Session, host: str, trust: Trust) -> None:
    """Set the session's certificates, connections and name. Raises EnvironmentFault for files that do not fit."""
    adapter = _Adapter(trust.elsewhere(host))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    if trust.client_cert:
        session.mount(f"https://{host}/", _Adapter(trust.at(host)))
    session.headers["User-Agent"] = "mbuild"
    # Without a callable as `auth`, requests would replace our header by what ~/.netrc has for the host.
    session.auth = lambda request: request


class _Adapter(HTTPAdapter):
    """Connections that trust the machine's certificate authorities beside those that requests brings along."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **others: object) -> None:
        """Hand the context to every connection."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._trust, **others)
