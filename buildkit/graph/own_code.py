"""The state of mbuild's own code, for the keys of what is kept: in a checkout it changes without a new version.

In: nothing. Out: names, sizes and times of the files that load and analyze.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def own_code() -> Iterator[tuple[str, int, int]]:
    """Name, size and modification time of each file, sorted."""
    package = Path(__file__).parent.parent
    for folder in ("", "graph", "lang"):
        with os.scandir(package / folder) as entries:
            found = sorted((entry.name, entry.stat()) for entry in entries if entry.is_file())
        for name, status in found:
            yield f"{folder}/{name}", status.st_size, status.st_mtime_ns
