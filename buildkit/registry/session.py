"""A session of requests, made fit for a registry.

In: the session, the host, its certificates. Out: the session trusts what the machine trusts, and sends no login but
those that it is given, and the client certificate to its own host only.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager

from buildkit.registry.faults import Peer
from buildkit.registry.hub import api_host
from buildkit.registry.sending import pools
from buildkit.registry.trust import Trust

_CONNECTIONS = 32


def prepare(session: requests.Session, peer: Peer, trust: Trust, stall: float) -> None:
    """Set the session's certificates, connections and name. Raises EnvironmentFault for files that do not fit: now, if
    the registry speaks TLS, else when something else that it leads to does.

    A connection on which nothing moves for `stall` seconds counts as broken.
    """
    host = peer.host
    everywhere = _Adapter(partial(trust.elsewhere, host), stall)
    own = _Adapter(partial(trust.at, host), stall) if trust.client_cert else everywhere
    session.mount("http://", everywhere)
    session.mount("https://", everywhere)
    session.mount(f"https://{api_host(host)}/", own)
    if not peer.plain_http:
        everywhere.trust()
        own.trust()
    session.headers["User-Agent"] = "mbuild"
    # Without a callable as `auth`, requests would replace our header by what ~/.netrc has for the host.
    session.auth = lambda request: request
    # Requests would read all of a redirect's body, and trips over some places; `Exchange` follows them itself.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    # As docker does: a cookie would go to whatever else runs on the host, on any port.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))


class _Adapter(HTTPAdapter):
    """Connections that trust the machine's certificate authorities beside those that requests brings along.

    `trust` is asked once, since to read them takes 20 ms; for a plain registry that leads nowhere else, never.
    """

    def __init__(self, trust: Callable[[], ssl.SSLContext], stall: float) -> None:
        self.trust = cache(trust)
        self._pools = pools(stall)
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **others: object) -> None:
        """Let connections notice stalls."""
        super().init_poolmanager(connections, maxsize, block, **others)
        self.poolmanager.pool_classes_by_scheme = dict(self._pools)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """Hand the context to every connection with TLS."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {**pool, "ssl_context": self.trust()} if host["scheme"] == "https" else pool

    def proxy_manager_for(self, proxy: str, **others: object) -> ProxyManager:
        """Connections by way of a proxy notice stalls, too."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **others)
        manager.pool_classes_by_scheme = dict(self._pools)
        return manager
