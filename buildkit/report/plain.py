"""Events → lines, for logs and pipes.

In: events, a stream (stderr), a clock. Out: a line for each action that ran or failed, for each warning and line of
output, now and then one for bytes that move, and the summary. Cached actions are only counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from buildkit.digest import size_text
from buildkit.errors import printable
from buildkit.events import ActionEnded, ActionStarted, Event, Outcome, Output, Progress, Warned
from buildkit.report.tally import Tally, seconds_text
from buildkit.report.writing import write_line

_PROGRESS_SECONDS = 10.0


class PlainReport:
    """A listener that writes lines; safe to call from several threads."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._began = clock()
        self._tally = Tally()
        self._started: dict[int, float] = {}
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> PlainReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def __call__(self, event: Event) -> None:
        """Take in an event, and write what is to be said of it."""
        with self._lock:
            self._tally(event)
            line = self._line(event)
            if line is not None:
                write_line(self._stream, line)

    def finish(self, ok: bool) -> None:
        """Write the summary line."""
        write_line(self._stream, self._tally.summary(ok, self._clock() - self._began))

    def _line(self, event: Event) -> str | None:
        match event:
            case ActionStarted():
                self._started[event.number] = self._clock()
            case ActionEnded():
                return self._ended(event)
            case Progress():
                return self._progress(event)
            case Output():
                return event.line
            case Warned():
                return f"warning: {printable(event.message)}"
        return None

    def _ended(self, event: ActionEnded) -> str | None:
        began = self._started.pop(event.number, None)
        if event.outcome not in (Outcome.RAN, Outcome.FAILED):
            return None
        time = "" if began is None else f" {seconds_text(self._clock() - began)}"
        sign = "✓" if event.outcome is Outcome.RAN else "✗"
        place = f"[{self._tally.ended}/{self._tally.graph.actions}]"
        return f"  {sign} {place} {event.mnemonic} {event.owner} {event.subject}{time}"

    def _progress(self, event: Progress) -> str | None:
        now = self._clock()
        if now - self._told.setdefault(event.work, now) < _PROGRESS_SECONDS:
            return None
        self._told[event.work] = now
        return f"  {event.work} {moved_text(event)}"


def moved_text(event: Progress) -> str:
    """How far some bytes have come: '1.5 MB of 3.0 GB'."""
    total = f" of {size_text(event.total)}" if event.total else ""
    return f"{size_text(event.done)}{total}"
