"""What execution runs on: the session's parts, put together, and its two ways to fetch.

In: a session, and the results that other machines share, if any. Out: `Machine`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.execution import Machine, SharedResults
from buildkit.store import DiskActionCache
from buildkit.tools import TOOLS


def machine_of(session: Session, shared: SharedResults | None = None) -> Machine:
    """The machine of one build."""
    return Machine(
        store=session.store,
        actions=DiskActionCache(session.cache_dir),
        tools=TOOLS,
        fetch=partial(_fetch, session),
        sandbox=session.sandbox,
        locate=session.workspace.locate,
        shared=shared,
    )


def _fetch(session: Session, arguments: Mapping[str, Any]) -> Digest:
    # late: a build of which nothing changed fetches nothing
    from buildkit.commands.base_layers import fetch_layer
    from buildkit.fetch import FetchRequest, fetch

    if arguments["source"] == "registry":
        return fetch_layer(session, arguments)
    request = FetchRequest.of(arguments)
    return fetch(request, session.store, session.sources, offline=session.options.offline, report=session.listener)
