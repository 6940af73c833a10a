"""The interpreter's stack, deep enough while an evaluation runs.

Closures call closures, so an expression's depth is the interpreter's. The language's own bounds (calls, nesting) come
long before the one that is set here; Python's usual one would come first, and depend on how deep the caller is.
"""

from __future__ import annotations

import sys
import threading

_FRAMES = 20_000


class DeepStack:
    """A context in which Python's recursion limit is high; several threads may be in it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._usual = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._usual = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._usual, _FRAMES))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                sys.setrecursionlimit(self._usual)


# The limit is the whole process's, so there is one of these.
DEEP_STACK = DeepStack()
