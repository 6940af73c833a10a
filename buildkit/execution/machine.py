"""What a build runs on: the stores, the tools, the fetcher, the sandbox, passed in as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from buildkit.digest import Digest, Key
from buildkit.execution.sandbox.request import Sandbox
from buildkit.graph.action import Artifact
from buildkit.records import dataclass
from buildkit.store import ActionCache, ActionResult, BlobStore


class Tool(Protocol):
    """A pure function of its declared inputs. It runs in a thread, and lets others run while it works."""

    @property
    def name(self) -> str:
        """How actions call it."""

    @property
    def version(self) -> int:
        """Enters every key; changes when the same inputs give other bytes."""

    @property
    def streams(self) -> bool:
        """Whether it reads large sources once, so that their digests may be computed while it runs."""

    @property
    def costly(self) -> bool:
        """Whether to fetch what it gave elsewhere is quicker than to call it."""

    @property
    def function(self) -> Callable[..., Mapping[str, Digest]]:
        """A module-level function: `(store, **arguments) → output name → digest`."""


class SharedResults(Protocol):
    """Results that other machines share; never a reason for a build to fail."""

    def find(self, key: Key, usable: Callable[[ActionResult], bool], /) -> ActionResult | None:
        """The result kept under a key, its bytes in the store; None if there is none that can be used.

        Of one that is not usable, or whose check raises BuildFailure, the user is told.
        """

    def lacks(self, key: Key) -> bool:
        """Whether a result is worth offering; cheap."""

    def offer(self, key: Key, result: ActionResult, blobs: Sequence[Digest]) -> None:
        """Keep a result, and the blobs that it needs, for others."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that `execute` may touch. `locate` gives a source artifact's file; `shared` is of other machines."""

    store: BlobStore
    actions: ActionCache
    tools: Mapping[str, Tool]
    fetch: Callable[[Mapping[str, Any]], Digest]
    sandbox: Sandbox
    locate: Callable[[Artifact], Path]
    shared: SharedResults | None = None
