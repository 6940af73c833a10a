"""Docker Hub's names: it is called `docker.io`, answers at another host, and its logins are kept under a third.

In: a host as references have it. Out: where to send requests, and the keys of logins.
"""

from __future__ import annotations

_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_KEY = "https://index.docker.io/v1/"  # what docker's own login writes, and asks helpers for


def api_host(host: str) -> str:
    """The host that answers requests for a registry.

    >>> api_host("docker.io"), api_host("registry.example:5000")
    ('registry-1.docker.io', 'registry.example:5000')
    """
    return "registry-1.docker.io" if host in _NAMES else host


def login_key(host: str) -> str:
    """The key under which docker keeps a login for a host, and asks helpers for it."""
    return _KEY if host in _NAMES else host


def login_names(host: str) -> tuple[str, ...]:
    """All names of a host under which a login may stand, without `https://` and `/v1/`; docker's own first."""
    return ("index.docker.io", "docker.io", "registry-1.docker.io") if host in _NAMES else (host,)
