"""`mbuild login` and `mbuild logout`: a login is shown to its registry, then kept where docker and podman look."""

from __future__ import annotations

from buildkit.commands.registries import credentials_of, settings_of, trust_of
from buildkit.commands.session import Session
from buildkit.errors import BuildError, without_login
from buildkit.reference import Reference
from buildkit.registry.connection import accepts
from buildkit.registry.credentials import VARIABLE, Credential
from buildkit.registry.login import Keeping, forget, is_in_variable, keep

_LOOPBACK = ("localhost", "127.", "[::1]")


def login(session: Session, host: str, username: str, secret: str, *, plain_http: bool = False) -> Keeping:
    """Check a login and keep it. Raises EnvironmentFault for one that the registry refuses; then nothing changes."""
    session.needs_network("logging in")
    settings = settings_of(session, check_host(host))
    plain = plain_http or settings.plain_http
    if plain and not host.startswith(_LOOPBACK):
        session.warn(f"the login goes to '{host}' without encryption")
    credential = _credential(username, secret)
    if not accepts(host, credential, session.listener, plain_http=plain, trust=trust_of(session, settings)):
        session.warn(f"registry '{host}' did not ask for the login: whether it is right is not known")
    kept = keep(session.options.environment, host, credential)
    if not kept.helper:
        where = f"the login is kept in '{kept.file}' without encryption"
        session.warn(f"{where}; a credential helper, named there as 'credsStore', would encrypt it")
    found = credentials_of(session).find(host, "")
    if kept.helper and not found:
        session.warn(f"credential helper 'docker-credential-{kept.helper}' took the login, and does not give it back")
    elif found != credential:
        session.warn(f"another login for '{host}' comes before this one; 'mbuild logout {host}' drops all of them")
    return kept


def _credential(username: str, secret: str) -> Credential:
    try:
        return Credential.of(username, secret)
    except ValueError:  # not told further: Python's error holds the secret
        raise BuildError(
            "the user or the password is not text in UTF-8",
            hint="check what is passed on standard input: a password of other bytes cannot be sent",
        ) from None


def logout(session: Session, host: str) -> tuple[Keeping, ...]:
    """Drop all logins that are kept for a host."""
    dropped = forget(session.options.environment, check_host(host))
    if is_in_variable(session.options.environment, host):
        session.warn(f"the environment variable {VARIABLE} still has a login for '{host}'")
    return dropped


def check_host(host: str) -> str:
    """A registry's host as references have it. Raises BuildError."""
    try:
        return Reference.parse(f"{host}/x").host if "/" not in host else _invalid(host)
    except BuildError:
        return _invalid(host)


def _invalid(host: str) -> str:
    safe = without_login(host)
    bare = safe.removeprefix("***@").rpartition("://")[2].partition("/")[0]
    raise BuildError(
        f"'{safe}' is not a registry's host",
        hint=f"write '{bare}'" if bare not in ("", host) else "hosts look like 'registry.example:5000'",
    )
