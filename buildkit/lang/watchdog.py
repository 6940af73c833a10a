"""Ends evaluations whose time is over, also where each step of theirs takes long.

Steps are counted in slices, and the clock is read once a slice. A step that goes over ten million numbers would make a
slice last for ever; so one thread of the process looks at all evaluations every second, and takes away their steps.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol

NAME = "mbuild-watchdog"  # of its thread
_PERIOD = 1.0  # seconds


class Watched(Protocol):
    """What can be told to look at the clock."""

    deadline: float
    left: int


class _Watchdog:
    """The evaluations under way. There is no lock, which a process that forks could leave held in the other one."""

    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._process = 0

    def watch(self, evaluation: Watched) -> None:
        """Look after an evaluation until `release`."""
        self._watched[id(evaluation)] = evaluation
        if self._process != os.getpid():  # threads do not live on in a forked process
            self._process = os.getpid()
            threading.Thread(target=self._look, name=NAME, daemon=True).start()

    def release(self, evaluation: Watched) -> None:
        """An evaluation is over."""
        self._watched.pop(id(evaluation), None)

    def _look(self) -> None:
        while True:
            time.sleep(_PERIOD)
            now = time.monotonic()
            for evaluation in list(self._watched.values()):
                if now > evaluation.deadline:
                    evaluation.left = -1


WATCHDOG = _Watchdog()
