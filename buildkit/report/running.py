"""What is going on right now, as lines.

In: events with their times. Out: a head line and one line for each action under way, the oldest first, with the
bytes it has moved; pure but for what it remembers, so that a terminal can ask for it as often as it likes.
"""

from __future__ import annotations

from buildkit.events import ActionEnded, ActionStarted, Event, Progress
from buildkit.report.plain import moved_text
from buildkit.report.tally import Tally, seconds_text

_SHOWN = 8


class Running:
    """The actions and transfers under way."""

    def __init__(self, began: float) -> None:
        self.tally = Tally()
        self._began = began
        self._actions: dict[int, tuple[ActionStarted, float]] = {}
        self._moving: dict[str, tuple[Progress, float]] = {}

    def see(self, event: Event, now: float) -> None:
        """Take in an event."""
        self.tally(event)
        match event:
            case ActionStarted():
                self._actions[event.number] = event, now
            case ActionEnded():
                self._actions.pop(event.number, None)
                self._moving.pop(_file(event.subject), None)
            case Progress():
                _, since = self._moving.get(event.work, (event, now))
                self._moving[event.work] = event, since
                if event.done >= event.total > 0:
                    del self._moving[event.work]

    def lines(self, now: float) -> list[str]:
        """What to show at this moment."""
        rows = [self._action(event, now - since) for event, since in self._actions.values()]
        known = {_file(event.subject) for event, _ in self._actions.values()}
        for work, (progress, since) in self._moving.items():
            if work not in known:
                rows.append(f"{work}  {moved_text(progress)}  {seconds_text(now - since)}")
        head = f"  {self.tally.ended}/{self.tally.graph.actions} actions · {seconds_text(now - self._began)}"
        more = [f"    … and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
        return [head, *(f"    {row}" for row in rows[:_SHOWN]), *more]

    def _action(self, event: ActionStarted, seconds: float) -> str:
        moving = self._moving.get(_file(event.subject))
        moved = f"  {moved_text(moving[0])}" if moving else ""
        return f"{event.mnemonic} {event.owner} {event.subject}{moved}  {seconds_text(seconds)}"


def _file(subject: str) -> str:
    """The work that an action's progress goes by: a fetch tells the name of its file, without folders."""
    return subject.rpartition("/")[2]
