"""Work in a process of its own, that starts with everything this one has at hand.

In: a function that gives bytes. Out: the bytes, when they are asked for; nothing of the other process remains.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import NoReturn

from buildkit.lang.watchdog import NAME as WATCHDOG


def can_fork() -> bool:
    """Whether a copy of this process is safe: only where no other thread could hold a lock in it."""
    others = [thread for thread in threading.enumerate() if thread.name != WATCHDOG]  # that one holds none
    return sys.platform == "linux" and others == [threading.main_thread()]


def forked(work: Callable[[], bytes]) -> Callable[[], bytes]:
    """Start some work; what is returned waits for its bytes, which are b'' where it failed."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, for any thread; `can_fork` knows better
        process = os.fork()
    if process == 0:
        _work(work, writing)
    os.close(writing)

    def result() -> bytes:
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
        return data if os.waitpid(process, 0)[1] == 0 else b""

    return result


def _work(work: Callable[[], bytes], writing: int) -> NoReturn:
    status = 1
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(work())
        status = 0
    finally:
        os._exit(status)  # without what the copied process would do at its end
