"""Trying again what may work the next time.

In: some work, which raises `Transient` for a fault that time may mend. Out: its result, or the last fault.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from buildkit.errors import EnvironmentFault
from buildkit.events import Listener, Warned

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
    """How often and how long to try again; waits double and vary, so that many clients do not come back at once."""

    tries: int = 4
    first: float = 0.5
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    now: Callable[[], float] = time.time


def retry(work: Callable[[], _Result], patience: Patience, listener: Listener) -> _Result:
    """Do the work until it succeeds, fails for good, or patience ends; sleeps in between and says so."""
    for number in range(1, patience.tries):
        try:
            return work()
        except Transient as transient:
            wait = transient.after
            if wait is None:
                wait = patience.first * 2 ** (number - 1) * (0.5 + patience.jitter() / 2)
            wait = min(max(wait, 0.0), patience.longest)
            listener(Warned(f"{transient.fault.message}; trying again in {wait:.1f} s"))
            patience.sleep(wait)
    try:
        return work()
    except Transient as transient:
        raise transient.fault from transient


def parse_retry_after(value: str | None, now: float) -> float | None:
    """The seconds to wait by a `Retry-After` header (RFC 9110, 10.2.3): a number, or a date compared with `now`."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now, 0.0)
