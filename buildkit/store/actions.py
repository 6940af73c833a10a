"""The action cache: what an action gave when it last ran.

In: an action's `Key`. Out: its `ActionResult`, or None, which makes the action run. Whether the outputs' bytes are
still to be had is the asker's question to the blob store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from buildkit.digest import Digest, Key
from buildkit.errors import BuildError
from buildkit.records import dataclass
from buildkit.store.keyed import KeyedFiles
from buildkit.store.scratch import Scratch


@dataclass(frozen=True, slots=True)
class ActionResult:
    """Output name → digest, sorted by name; the exit code; the digest of what was printed."""

    outputs: Mapping[str, Digest]
    exit_code: int = 0
    log: Digest | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", dict(sorted(self.outputs.items())))

    def __hash__(self) -> int:
        return hash((tuple(self.outputs.items()), self.exit_code, self.log))

    def digests(self) -> tuple[Digest, ...]:
        """Everything whose bytes a store must have for this result to be of use."""
        return (*self.outputs.values(), *((self.log,) if self.log else ()))


class ActionCache(Protocol):
    """Key → result. Idempotent; a damaged or unreachable entry is a missing one."""

    def get(self, key: Key) -> ActionResult | None:
        """The result kept under a key, or None."""

    def put(self, key: Key, result: ActionResult) -> None:
        """Keep a result."""


class DiskActionCache:
    """One small checksummed file for each entry, in `<root>/actions`."""

    def __init__(self, root: Path) -> None:
        self._files = KeyedFiles(root, "actions", Scratch(root))

    def get(self, key: Key) -> ActionResult | None:
        """The result kept under a key, or None."""
        data = self._files.get(key)
        return None if data is None else decode(data)

    def put(self, key: Key, result: ActionResult) -> None:
        """Keep a result, atomically."""
        self._files.put(key, encode(result))


def encode(result: ActionResult) -> bytes:
    """The result as a canonical JSON document."""
    outputs = [[name, str(digest), digest.size] for name, digest in result.outputs.items()]
    log = [str(result.log), result.log.size] if result.log else None
    document = {"outputs": outputs, "exit_code": result.exit_code, "log": log}
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def decode(data: bytes) -> ActionResult | None:
    """Read what `encode` wrote; None for what some other version wrote."""
    try:
        document = json.loads(data)
        outputs = {str(name): _digest(text, size) for name, text, size in document["outputs"]}
        log = _digest(document["log"][0], document["log"][1]) if document["log"] else None
        return ActionResult(outputs, int(document["exit_code"]), log)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError, BuildError):
        return None


def _digest(text: str, size: object) -> Digest:
    if type(size) is not int or not 0 <= size < 1 << 63:
        raise ValueError("a size that cannot be")
    return Digest.parse(text, size)
