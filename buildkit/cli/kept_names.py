"""The names of packages that load code, kept between two presses of the tab key.

In: a BUILD file. Out: names with their rules. Loading a package takes longer than a person waits for, so it is done
once, until the BUILD file or one that it loads changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

Names = list[tuple[str, str]]


def loaded_names(build: Path) -> Names | None:
    """The names that loading the package gives; None where it cannot be loaded."""
    place = _folder() / f"{hashlib.sha256(str(build).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        if kept["files"] == _state(file for file, *_ in kept["files"]):
            return [(name, rule) for name, rule in kept["names"]]
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return _load(build, place)


def _load(build: Path, place: Path) -> Names | None:
    from buildkit.commands.names import declared_names  # late: it is the whole engine
    from buildkit.errors import BuildError, BuildErrors

    try:
        files, names = declared_names(build.parent, os.environ)
    except (BuildError, BuildErrors, OSError):
        return None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps({"files": _state(map(str, files)), "names": names}), encoding="utf-8")
        partial.replace(place)
    except OSError:
        pass
    return names


def _state(files: Iterable[str]) -> list[list[object]]:
    found: list[list[object]] = []
    for file in files:
        status = Path(file).stat()
        found.append([file, status.st_mtime_ns, status.st_size])
    return found


def _folder() -> Path:
    """Beside the store, as far as that can be told without reading any configuration."""
    named = os.environ.get("MBUILD_CACHE")
    if named:
        return Path(named) / "names"
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or home) / "mbuild" / "names"
