"""`[cache] registry`: the results that a workspace's builds share by way of a registry.

In: a session. Out: `RegistryResults`; or None where nothing is shared: no registry is named, it is switched off, or the
build is `--offline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.store import SpareFiles

if TYPE_CHECKING:
    from buildkit.registry.cache.results import RegistryResults


@contextmanager
def shared_results(session: Session) -> Iterator[RegistryResults | None]:
    """Shared while the block lasts; at its end, what is still being sent is waited for."""
    config = session.workspace.config.shared_cache
    access = session.options.registry_cache or config.access
    if config.place is None or access == "off" or session.options.offline:
        yield None
        return
    # late: only who shares results needs what speaks with registries
    from buildkit.commands.registries import registry_of
    from buildkit.events import ignore
    from buildkit.registry.cache.results import Policy, RegistryResults
    from buildkit.registry.retry import Patience

    place, policy = config.place, Policy(access == "read-write", config.max_age)

    def held(blob: Digest) -> None:
        """A push to the same host mounts it from there."""
        session.places.note(place.host, place.repository, blob)

    # There is another way, to build: a registry that keeps silent is soon given up, and that is told once, by then.
    patience = Patience(tries=2, most=5, longest=5.0, connect=5.0, stall=20.0, ending=60.0)
    connect = partial(registry_of, session, place.host, patience=patience, listener=ignore)
    known = SpareFiles(session.cache_dir, "shared", lambda fault: session.warn(fault.message))
    with RegistryResults(connect, place, session.store, policy, session.listener, known, held) as shared:
        yield shared
