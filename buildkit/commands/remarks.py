"""What tools warn of: their `warnings` outputs, told in every build that needs them, done anew or not.

In: actions and the digests of what they made. Out: warnings, each once. The document is a list of texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from buildkit.digest import Digest
from buildkit.graph.action import Action, ActionKind, Artifact
from buildkit.store import BlobStore

OUTPUT = "warnings"


def remarks(store: BlobStore, actions: Iterable[Action], digests: Mapping[Artifact, Digest]) -> Iterator[str]:
    """The warnings of actions, in their order, with whose they are."""
    told = dict[str, None]()
    for action in (one for one in actions if one.kind is ActionKind.TOOL):
        for name, artifact in action.outputs:
            if name == OUTPUT and artifact in digests:
                told |= {f"'{action.owner}': {text}": None for text in json.loads(store.read(digests[artifact]))}
    yield from told
