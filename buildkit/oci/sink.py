"""Where compressed bytes go, and how many threads compress them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Sink = Callable[[bytes], object]

_MOST = 4


class _Processors:
    """The processors here, shared by the layers that are compressed at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._layers = 0

    @contextmanager
    def share(self, wanted: int = 0) -> Iterator[int]:
        """How many threads compress one layer: as many as wanted, or its share of the processors.

        No byte depends on it, as long as there is one. The threads of several layers would drive each other out of the
        processors' caches.
        """
        with self._lock:
            self._layers += 1
            share = max(1, min((os.cpu_count() or 1) // self._layers, _MOST))
        try:
            yield wanted or share
        finally:
            with self._lock:
                self._layers -= 1


compressing_threads = _Processors().share
