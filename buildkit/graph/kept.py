"""The graph of an earlier invocation, used again while every fact that it rests on still holds.

In: what was asked, and the facts that loading noted (files read, folders listed). Out: the kept `Analysis`, or None.
What is kept is unpickled, so the cache must be local and private to the user.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from buildkit import __version__
from buildkit.digest import Key
from buildkit.graph.analysis import Analysis
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.loader import ParsedCache
from buildkit.graph.workspace import Workspace


def kept_key(workspace: Workspace, package: str, patterns: Sequence[str], tools: Sequence[tuple[str, int]]) -> Key:
    """The key of a question: which workspace, which patterns (asked from which package), which tools."""
    files = workspace.config.build_files
    return Key.of("mbuild graph 1", __version__, str(workspace.root), files, package, list(patterns), list(tools))


def recall(key: Key, files: WorkspaceFiles, cache: ParsedCache) -> Analysis | None:
    """The analysis kept under a key, if all its facts are still true."""
    kept = cache.get(key)
    if kept is None:
        return None
    facts, analysis = pickle.loads(kept)
    return analysis if files.still_true(facts) else None


def keep(key: Key, files: WorkspaceFiles, analysis: Analysis, cache: ParsedCache) -> None:
    """Keep an analysis with the facts that it rests on."""
    cache.put(key, pickle.dumps((files.facts, analysis), protocol=pickle.HIGHEST_PROTOCOL))
