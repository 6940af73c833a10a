"""The way from an invocation to a registry: its settings in `mbuild.toml`, and the machine's logins.

In: a session and a host. Out: a `Registry`; nothing is sent before it is used.
"""

from __future__ import annotations

from pathlib import Path

from buildkit.commands.session import Session
from buildkit.graph.registry_config import RegistryConfig
from buildkit.registry import Credentials, Registry, connect


def registry_of(session: Session, host: str, plain_http: bool = False) -> Registry:
    """The registry at `host`; raises EnvironmentFault for a certificate authority that cannot be read."""
    settings = session.workspace.config.registries.get(host, RegistryConfig())
    return connect(
        host,
        Credentials.of_machine(session.options.environment, session.listener),
        session.listener,
        plain_http=plain_http or settings.plain_http,
        ca=str(Path(session.workspace.root, settings.ca)) if settings.ca else None,
    )
