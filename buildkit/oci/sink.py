"""Where compressed bytes go, and how many threads compress them."""

from __future__ import annotations

import os
from collections.abc import Callable

Sink = Callable[[bytes], object]

_MOST_WORKERS = 4


def worker_count() -> int:
    """How many threads compress. No byte depends on it, as long as there is one."""
    return max(1, min(os.cpu_count() or 1, _MOST_WORKERS))
