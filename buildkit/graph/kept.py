"""The graph of an earlier invocation, used again while every fact that it rests on still holds.

In: what was asked, and the facts that loading noted (files read, folders listed). Out: the kept `Analysis`, or None.
What is kept is unpickled, so the cache must be local and private to the user.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping, Sequence

from buildkit import __version__
from buildkit.digest import Key
from buildkit.graph.analysis import Analysis
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.modules import ParsedCache, unpickled
from buildkit.graph.own_code import own_code
from buildkit.graph.workspace import Workspace


def kept_key(
    workspace: Workspace,
    package: str,
    patterns: Sequence[str],
    tools: Sequence[tuple[str, int]],
    configuration: Configuration = DEFAULT,
    stamp: Mapping[str, str] | None = None,
) -> Key:
    """The key of a question: workspace, patterns (asked from which package), configuration, stamp, tools, mbuild."""
    asked = (
        str(workspace.root),
        workspace.config.build_files,
        workspace.config.prelude or "",
        package,
        list(patterns),
        configuration.key,
        dict(stamp or {}),
    )
    return Key.of("mbuild graph 5", __version__, sys.version, list(own_code()), list(tools), *asked)


def recall(key: Key, files: WorkspaceFiles, cache: ParsedCache) -> Analysis | None:
    """The analysis kept under a key, if all its facts are still true."""
    kept = unpickled(cache.get(key))
    if not isinstance(kept, tuple):
        return None
    facts, analysis = kept
    return analysis if isinstance(analysis, Analysis) and files.still_true(facts) else None


def keep(key: Key, files: WorkspaceFiles, analysis: Analysis, cache: ParsedCache) -> None:
    """Keep an analysis with the facts that it rests on."""
    cache.put(key, pickle.dumps((files.facts, analysis), protocol=pickle.HIGHEST_PROTOCOL))
