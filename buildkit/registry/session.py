"""A session of requests, made fit for a registry.

In: the session, the host, its certificates. Out: the session trusts what the machine trusts, and sends no login but
those that it is given, and the client certificate to its own host only.
"""

from __future__ import annotations

import ssl
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager

from buildkit.registry.hub import api_host
from buildkit.registry.sending import pools
from buildkit.registry.trust import Trust

_CONNECTIONS = 32


def prepare(session: requests.Session, host: str, trust: Trust, stall: float) -> None:
    """Set the session's certificates, connections and name. Raises EnvironmentFault for files that do not fit.

    A connection on which nothing moves for `stall` seconds counts as broken.
    """
    adapter = _Adapter(trust.elsewhere(host), stall)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    if trust.client_cert:
        session.mount(f"https://{api_host(host)}/", _Adapter(trust.at(host), stall))
    session.headers["User-Agent"] = "mbuild"
    # Without a callable as `auth`, requests would replace our header by what ~/.netrc has for the host.
    session.auth = lambda request: request
    # Requests would read all of a redirect's body, and trips over some places; `Exchange` follows them itself.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    # As docker does: a cookie would go to whatever else runs on the host, on any port.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))


class _Adapter(HTTPAdapter):
    """Connections that trust the machine's certificate authorities beside those that requests brings along."""

    def __init__(self, trust: ssl.SSLContext, stall: float) -> None:
        self._trust = trust
        self._pools = pools(stall)
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **others: object) -> None:
        """Hand the context to every connection."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._trust, **others)
        self.poolmanager.pool_classes_by_scheme = dict(self._pools)

    def proxy_manager_for(self, proxy: str, **others: object) -> ProxyManager:
        """Connections by way of a proxy notice stalls, too."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **others)
        manager.pool_classes_by_scheme = dict(self._pools)
        return manager
