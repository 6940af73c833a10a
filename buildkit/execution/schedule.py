"""Which action may start next: bookkeeping without threads, clocks or files.

In: an action graph, what is wanted of it, which fetches need not run yet, and how each action ended. Out: the
numbers of actions that may start, smallest first.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence

from buildkit.execution.twins import twins
from buildkit.graph.action import ActionGraph, Artifact


class Schedule:
    """The actions that `wanted` needs.

    `promised` are fetches whose digests are known: nothing waits for them until it asks for their bytes. What does the
    same as an earlier one waits for that.
    """

    def __init__(self, graph: ActionGraph, wanted: Sequence[Artifact], promised: Collection[int]) -> None:
        self.order = graph.needed(wanted)
        self._unmet: dict[int, set[int]] = {}
        self._dependents: dict[int, list[int]] = {number: [] for number in self.order}
        self._ready: list[int] = []
        self._asked: set[int] = set()
        self._succeeded: set[int] = set()
        self._lost: set[int] = set()
        asked = {graph.producer(artifact) for artifact in wanted}
        self._twins = twins(graph, self.order)
        for number in self.order:
            needs = (self._twins.get(number), *(graph.producer(artifact) for artifact in graph.actions[number].needs))
            self._wait(number, (need for need in needs if need is not None and need not in promised))
            if number not in promised or number in asked:
                self._offer(number)

    def first(self, number: int) -> int:
        """The first action that does the same as one, which may be that itself."""
        return self._twins.get(number, number)

    def next(self) -> int | None:
        """An action that may start, or None for now. It is not given twice, unless it waits for bytes."""
        return heapq.heappop(self._ready) if self._ready else None

    def succeeded(self, number: int) -> None:
        """Take note that an action is done."""
        self._succeeded.add(number)
        for dependent in self._dependents[number]:
            unmet = self._unmet[dependent]
            if number in unmet:
                unmet.remove(number)
                self._offer(dependent)

    def failed(self, number: int) -> list[int]:
        """Take note that an action has no result; gives the others that now never start."""
        lost, pending = [], [number]
        self._lost.add(number)
        while pending:
            gone = pending.pop()
            for dependent in self._dependents[gone]:
                if gone in self._unmet[dependent] and dependent not in self._lost:
                    self._lost.add(dependent)
                    lost.append(dependent)
                    pending.append(dependent)
        return sorted(lost)

    def wants_bytes(self, number: int, fetches: Iterable[int]) -> bool:
        """Let an action start anew when fetches have run; False if one of those has failed already."""
        needed = [fetch for fetch in fetches if fetch not in self._succeeded]
        if self._lost.intersection(needed):
            return False
        self._asked.discard(number)
        self._wait(number, needed)
        for fetch in needed:
            self._offer(fetch)
        self._offer(number)
        return True

    def abandon(self) -> None:
        """Start nothing any more."""
        self._ready.clear()

    def _wait(self, number: int, needs: Iterable[int]) -> None:
        self._unmet[number] = set(needs)
        for need in self._unmet[number]:
            self._dependents[need].append(number)

    def _offer(self, number: int) -> None:
        if not self._unmet[number] and number not in self._asked and number not in self._lost:
            self._asked.add(number)
            heapq.heappush(self._ready, number)
