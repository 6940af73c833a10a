"""The way to a real registry.

In: a host, settings and logins. Out: a `Registry`; nothing is sent before it is used.
"""

from __future__ import annotations

from buildkit.events import Listener
from buildkit.registry.credentials import Credential, Logins, OneLogin
from buildkit.registry.registry import Registry
from buildkit.registry.retry import Patience
from buildkit.registry.trust import Trust


def connect(
    host: str,
    logins: Logins,
    listener: Listener,
    *,
    plain_http: bool = False,
    trust: Trust | None = None,
    chunk: int | None = None,
    patience: Patience | None = None,
) -> Registry:
    """A registry at `host`, with the certificates of `trust`; `plain_http` speaks without TLS.

    `chunk`, in bytes, is for registries that want large blobs in pieces, or proxies that let no larger request pass.
    `patience` is how often and how long to try.
    """
    from buildkit.registry.oras import OrasRegistry  # late: oras and requests cost more than all of mbuild

    return OrasRegistry(host, logins, listener, plain_http=plain_http, trust=trust, chunk=chunk, patience=patience)


def accepts(
    host: str, credential: Credential, listener: Listener, *, plain_http: bool = False, trust: Trust | None = None
) -> bool:
    """Show a login to a registry; False if it did not ask for one. Raises EnvironmentFault where it is refused."""
    from buildkit.registry.oras import OrasRegistry  # late, as above

    login = OneLogin(host, credential)
    return OrasRegistry(host, login, listener, plain_http=plain_http, trust=trust).accepts_login()
