"""One child process, from its start to its end.

In: a started process whose output is a pipe. Out: whether it ended by itself; its output goes to `log` as it comes.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from enum import Enum, auto

from buildkit.execution.sandbox.request import Log

_LAST_READS = 16  # as much as a pipe can hold, unless somebody made it larger


class Watched(Enum):
    """Why a watched process is gone."""

    ENDED = auto()
    TIMED_OUT = auto()
    STOPPED = auto()


def watch(
    process: subprocess.Popen[bytes],
    log: Log,
    stop: threading.Event,
    *,
    timeout: float | None,
    grace: float,
    terminate: Callable[[], None],
    kill: Callable[[], None],
) -> Watched:
    """Pass output on until the process has ended; end it when `stop` is set or its time is over.

    `terminate` asks it to end, `kill` leaves it no choice. Ctrl-C in this thread sets `stop` and goes on to the caller
    when the process has ended; at a second one, or any other exception, the process is killed.
    """
    try:
        try:
            return _watch(process, log, stop, timeout, grace, terminate, kill)
        except KeyboardInterrupt:
            stop.set()
            _watch(process, log, stop, None, grace, terminate, kill)
            raise
    except BaseException:
        kill()
        process.wait()
        raise
    finally:
        if process.stdout:
            process.stdout.close()


def _watch(
    process: subprocess.Popen[bytes],
    log: Log,
    stop: threading.Event,
    timeout: float | None,
    grace: float,
    terminate: Callable[[], None],
    kill: Callable[[], None],
) -> Watched:
    verdict, deadline = Watched.ENDED, None if timeout is None else time.monotonic() + timeout
    killing: float | None = None
    while _pump(process, log):
        now = time.monotonic()
        if verdict is Watched.ENDED and (stop.is_set() or (deadline is not None and now >= deadline)):
            verdict = Watched.STOPPED if stop.is_set() else Watched.TIMED_OUT
            killing = now + grace
            if grace:
                terminate()
        if killing is not None and now >= killing:
            kill()
            killing = None
    process.wait()
    return verdict


def _pump(process: subprocess.Popen[bytes], log: Log) -> bool:
    """Pass on what is there, waiting a moment for it; False once there can be no more."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    ready, _, _ = select.select([descriptor], [], [], 0.1)
    if ready:
        data = os.read(descriptor, 65536)
        if data:
            log(data)
            return True
        # End of output; the process itself may live a moment longer.
        time.sleep(0.005)
        return process.poll() is None
    if process.poll() is None:
        return True
    # Its last words may have come just now. A process without isolation may have left something behind that holds the
    # pipe, and that may never stop to speak.
    for _ in range(_LAST_READS):
        ready, _, _ = select.select([descriptor], [], [], 0)
        data = os.read(descriptor, 65536) if ready else b""
        if not data:
            break
        log(data)
    return False
