"""Trying again what may work the next time.

In: some work, which raises `Transient` for a fault that time may mend. Out: its result, or the last fault.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from buildkit.errors import EnvironmentFault
from buildkit.events import Listener, Warned
from buildkit.records import dataclass

_PROGRESS = 1 << 20  # bytes: what is less may be a registry that breaks off each time
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_Result = TypeVar("_Result")


class Transient(Exception):
    """A fault worth another try. `after` is the wait that the server asked for, in seconds."""

    def __init__(self, fault: EnvironmentFault, after: float | None = None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.after = after


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try again; waits double and vary, so that many clients do not come back at once.

    Times are in seconds. A transfer may break `tries` times without any progress in between, and `most` times in all;
    it counts as broken when nothing moves for `stall`. `ending` is how long a registry may take to check a large blob.
    """

    tries: int = 4
    most: int = 50
    first: float = 0.5
    longest: float = 60.0
    connect: float = 10.0
    stall: float = 60.0
    ending: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    now: Callable[[], float] = time.time


class Attempts:
    """The tries of one piece of work, which may get on between them."""

    def __init__(self, patience: Patience, listener: Listener) -> None:
        self._patience = patience
        self._listener = listener
        self._failed = 0  # since the last progress
        self._all = 0
        self._gained = 0

    def progressed(self, size: int) -> None:
        """So many bytes arrived for good; enough of them make earlier failures forgotten."""
        self._gained += size
        if self._gained >= _PROGRESS:
            self._failed = self._gained = 0

    def failed(self, transient: Transient) -> None:
        """Sleep before the next try, and say so; raises the fault where patience ends."""
        self._failed, self._all, self._gained = self._failed + 1, self._all + 1, 0
        if self._failed >= self._patience.tries or self._all >= self._patience.most:
            raise transient.fault from transient
        wait = transient.after
        if wait is None:
            wait = self._patience.first * 2 ** (self._failed - 1) * (0.5 + self._patience.jitter() / 2)
        wait = min(max(wait, 0.0), self._patience.longest)
        self._listener(Warned(f"{transient.fault.message}; trying again in {wait:.1f} s"))
        self._patience.sleep(wait)


def retry(work: Callable[[], _Result], patience: Patience, listener: Listener) -> _Result:
    """Do the work until it succeeds, fails for good, or patience ends."""
    attempts = Attempts(patience, listener)
    while True:
        try:
            return work()
        except Transient as transient:
            attempts.failed(transient)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """The seconds to wait by a `Retry-After` header (RFC 9110, 10.2.3): a number, or a date compared with `now`."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now, 0.0)
