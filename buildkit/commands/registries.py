"""Registries as this machine and workspace reach them: settings of `mbuild.toml`, logins, certificates.

In: a session and a host. Out: a `Registry`; nothing is sent before it is used. Outside of a workspace a registry has
the ordinary settings.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from buildkit.commands.session import Session
from buildkit.events import Listener, ignore
from buildkit.graph.config import MARKER
from buildkit.graph.registry_config import RegistryConfig, mirror_of
from buildkit.registry import Credentials, Plan, Registry, Trust, connect
from buildkit.registry.limits import check_limits
from buildkit.registry.mirror import MirroredRegistry
from buildkit.registry.retry import Patience

# There is another place to ask, so a mirror that does not answer is soon passed over; that is told once, by then.
_MIRROR = Patience(tries=2, most=5, connect=5.0, stall=20.0, ending=20.0)


def registry_of(
    session: Session,
    host: str,
    plain_http: bool = False,
    patience: Patience | None = None,
    listener: Listener | None = None,
) -> Registry:
    """The registry at a host; `listener` hears of its faults that pass, in place of the session's."""
    settings = settings_of(session, host)
    told = listener or session.listener
    return connect(
        host,
        credentials_of(session, told),
        told,
        plain_http=plain_http or settings.plain_http,
        trust=trust_of(session, settings),
        chunk=settings.limits.chunk_size,
        patience=patience,
    )


def pulled_from(session: Session, host: str, plain_http: bool = False) -> Registry:
    """The registry at a host for reading: its mirror is asked first, if it has one, with the mirror's own settings."""
    mirror = settings_of(session, host).mirror
    registry = registry_of(session, host, plain_http)
    if not mirror:
        return registry
    first = registry_of(session, mirror_of(mirror, "").host, patience=_MIRROR, listener=ignore)
    return MirroredRegistry(host, registry, first, partial(mirror_of, mirror), session.listener, session.passed_mirrors)


def check_fits(session: Session, plan: Plan) -> Plan:
    """The plan, if the registry takes the image. Raises BuildError by `mbuild.toml`; warns of known limits."""
    host = plan.reference.host
    check_limits(plan.contents, host, settings_of(session, host).limits, session.listener)
    return plan


def credentials_of(session: Session, listener: Listener | None = None) -> Credentials:
    """The logins that the machine keeps; `listener` hears of helpers that fail, in place of the session's."""
    return Credentials.of_machine(session.options.environment, listener or session.listener)


def settings_of(session: Session, host: str) -> RegistryConfig:
    """What `[registry."HOST"]` says. Raises BuildError for a broken `mbuild.toml`."""
    if not _in_workspace(session.options.directory):
        return RegistryConfig()
    return session.workspace.config.registries.get(host.lower(), RegistryConfig())


def trust_of(session: Session, settings: RegistryConfig) -> Trust:
    """The certificates and keys that the settings name."""

    def place(path: str | None) -> str | None:
        return str(Path(session.workspace.root, path)) if path else None

    return Trust(place(settings.ca), place(settings.client_cert), place(settings.client_key))


def _in_workspace(directory: Path) -> bool:
    folder = directory.absolute()
    return any((above / MARKER).is_file() for above in (folder, *folder.parents))
