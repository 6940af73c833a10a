"""Locks in the workspace: written whole, and checked without a network.

In: a lock and its path; or a request and the text that should answer it. Out: a file; or what is wrong with one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from buildkit.errors import BuildError, BuildErrors, EnvironmentFault, Span
from buildkit.graph.lockfile import Lock, parse_lock, render_lock, request_key


def write(lock: Lock, path: Path) -> bool:
    """Write a lock, atomically; says whether the file changed. Raises EnvironmentFault if it cannot."""
    text = render_lock(lock).encode()
    try:
        if path.is_file() and path.read_bytes() == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as fault:
        reason = (fault.strerror or str(fault)).lower()
        raise EnvironmentFault(
            f"cannot write the lock '{path}': {reason}", hint="make it writable, then lock again"
        ) from fault
    return True


def check(kind: str, request: Mapping[str, object], text: str | None, path: str) -> BuildError | BuildErrors | None:
    """What makes a lock unfit for its request, or None. `text` is None where the file is not there."""
    hint = "run 'mbuild lock'"
    if text is None:
        return BuildError(f"the lock '{path}' does not exist", hint=hint)
    try:
        lock = parse_lock(text, path)
    except (BuildError, BuildErrors) as fault:
        return fault
    place = Span(path, 1, 1, 1, len(text.partition("\n")[0]) + 1)
    if lock.kind != kind:
        return BuildError(f"'{path}' is a {lock.kind} lock, expected a {kind} lock", span=place, hint=hint)
    if lock.request_key != request_key(kind, request):
        return BuildError(f"the lock '{path}' is stale: it answers another request", span=place, hint=hint)
    return None
