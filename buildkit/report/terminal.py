"""Events → a person at a terminal.

In: events, a terminal, a clock. Out: live lines at the bottom (what runs, bytes, time) that go away at the end; above
them, what stays: warnings, output, failures, the summary. Nothing is drawn, and rich not imported, before something
really runs: a build without work costs nothing here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from buildkit.errors import printable
from buildkit.events import ActionEnded, ActionStarted, Event, Outcome, Output, Progress, Warned
from buildkit.report.running import Running
from buildkit.report.writing import encodable, write_line

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_PER_SECOND = 8


class TerminalReport:
    """A listener that draws; safe to call from several threads. A `with` block takes the drawing down."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._clock = clock
        self._colors = not environment.get("NO_COLOR")
        self._began = clock()
        self._running = Running(self._began)
        self._live: Live | None = None
        self._lock = threading.RLock()  # starting to draw asks for the picture at once

    def __enter__(self) -> TerminalReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_down()

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        with self._lock:
            self._running.see(event, self._clock())
            if self._live is None and isinstance(event, ActionStarted | Progress):
                self._live = self._drawn()
            live = self._live
        # Outside our lock: printing takes the drawing's lock, and the drawing thread takes both the other way round.
        match event:
            case Output():
                self._say(live, event.line)
            case Warned():
                self._say(live, f"warning: {printable(event.message)}", "yellow")
            case ActionEnded(outcome=Outcome.FAILED):
                self._say(live, f"  ✗ {event.mnemonic} {event.owner} {event.subject}", "red")

    def finish(self, ok: bool) -> None:
        """Take the drawing down and write the summary line."""
        self._take_down()
        line = self._running.tally.summary(ok, self._clock() - self._began)
        if self._colors:
            line = f"\x1b[{'32' if ok else '31'}m{line}\x1b[0m"
        write_line(self._stream, line)

    def _say(self, live: Live | None, line: str, style: str = "") -> None:
        if live is None:
            write_line(self._stream, line)
        else:
            live.console.print(self._text(line, style), soft_wrap=True)

    def _drawn(self) -> Live:
        from rich.console import Console  # late: rich takes longer than a build without work
        from rich.live import Live

        console = Console(
            file=self._stream,
            force_terminal=True,
            color_system="standard" if self._colors else None,
            highlight=False,
            emoji=False,
            markup=False,
        )
        live = Live(
            get_renderable=self._picture,
            console=console,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _picture(self) -> Text:
        with self._lock:
            lines = self._running.lines(self._clock())
        picture = self._text("\n".join(lines), "")
        picture.no_wrap, picture.overflow = True, "ellipsis"
        return picture

    def _text(self, text: str, style: str) -> Text:
        from rich.text import Text  # late, as above

        return Text(encodable(text, self._stream.encoding), style)

    def _take_down(self) -> None:
        with self._lock:
            live, self._live = self._live, None
        # Outside the lock: the drawing thread, which is waited for here, takes it too.
        if live is not None:
            live.stop()
