"""A session of requests, made fit for a registry.

In: the session, the host, its certificate authority. Out: the session trusts what the machine trusts, and sends no
login but those that it is given.
"""

from __future__ import annotations

import ssl

import requests
from requests.adapters import HTTPAdapter

from buildkit.errors import EnvironmentFault

_CONNECTIONS = 32


def prepare(session: requests.Session, host: str, ca: str | None) -> None:
    """Set the session's certificate authorities, connections and name; `ca` is a file."""
    adapter = _Adapter(_trust(host, ca))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
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
            hint=f"correct 'ca' below [registry.\"{host}\"] in mbuild.toml",
        ) from error
    return context
