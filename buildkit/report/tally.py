"""What a build came to, in one line.

In: events. Out: the counts, and the summary line::

      ✓ 4 packages · 11 targets · 212 actions (212 run, 0 cached)                          58.2s
"""

from __future__ import annotations

from collections import Counter

from buildkit.events import ActionEnded, Event, GraphReady, Outcome

_WIDTH = 92


class Tally:
    """Counts as they stand; hears every event."""

    def __init__(self) -> None:
        self.graph = GraphReady(0, 0, 0)
        self._outcomes: Counter[Outcome] = Counter()

    def __call__(self, event: Event) -> None:
        """Count an event."""
        match event:
            case GraphReady():  # a command that looks at two targets builds twice
                self.graph = GraphReady(event.packages, event.targets, self.graph.actions + event.actions)
            case ActionEnded():
                self._outcomes[event.outcome] += 1

    @property
    def ended(self) -> int:
        """How many actions are done, by whichever way."""
        return self._outcomes.total()

    def of(self, outcome: Outcome) -> int:
        """How many actions ended so."""
        return self._outcomes[outcome]

    def summary(self, ok: bool, seconds: float) -> str:
        """The last line of a build, its time at the right."""
        counts = [f"{self.of(Outcome.RAN)} run", f"{self.of(Outcome.CACHED)} cached"]
        counts += [f"{self.of(bad)} {bad}" for bad in (Outcome.FAILED, Outcome.SKIPPED) if self.of(bad)]
        graph = self.graph
        parts = [_count(graph.packages, "package"), _count(graph.targets, "target"), _count(graph.actions, "action")]
        line = f"  {'✓' if ok else '✗'} {' · '.join(parts)} ({', '.join(counts)})"
        time = seconds_text(seconds)
        return f"{line}{time:>{max(_WIDTH - len(line), len(time) + 1)}}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def seconds_text(seconds: float) -> str:
    """A time to read: '0.4s', '58.2s', '2m05s', '1h02m'."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"
