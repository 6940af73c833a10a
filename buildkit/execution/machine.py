"""What a build runs on: the stores, the tools, the fetcher, the sandbox, passed in as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from buildkit.digest import Digest
from buildkit.execution.sandbox.request import Sandbox
from buildkit.graph.action import Artifact
from buildkit.store import ActionCache, BlobStore


class Tool(Protocol):
    """A pure function of its declared inputs; `threads` says that it lets other threads run while it works."""

    @property
    def name(self) -> str:
        """How actions call it."""

    @property
    def version(self) -> int:
        """Enters every key; changes when the same inputs give other bytes."""

    @property
    def threads(self) -> bool:
        """Whether it runs in a thread rather than in a worker process."""

    @property
    def streams(self) -> bool:
        """Whether it reads large sources once, so that their digests may be computed while it runs."""

    @property
    def function(self) -> Callable[..., Mapping[str, Digest]]:
        """A module-level function: `(store, **arguments) → output name → digest`."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that `execute` may touch. `locate` gives a source artifact's file."""

    store: BlobStore
    actions: ActionCache
    tools: Mapping[str, Tool]
    fetch: Callable[[Mapping[str, Any]], Digest]
    sandbox: Sandbox
    locate: Callable[[Artifact], Path]
