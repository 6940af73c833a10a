"""Faults of single entries of a build cache: counted, told in one line, and no reason to do without the others.

In: faults, as they come from many threads. Out: one warning at the end; or one at once, where it is the cache that is
at fault, since it cannot be reached or several questions in a row went unanswered.
"""

from __future__ import annotations

import threading

from buildkit.digest import Key
from buildkit.errors import BuildError
from buildkit.events import Listener, Warned
from buildkit.records import dataclass
from buildkit.reference import Reference

IN_A_ROW = 8


@dataclass(frozen=True, slots=True)
class Words:
    """How it is told: of one entry, of several, and of the whole."""

    one: str
    several: str
    all: str


READING = Words(
    "entry {key} of the build cache '{place}' is not used: {why}",
    "{count} entries of the build cache '{place}' are not used, {key} for one: {why}",
    "building without the build cache '{place}': {why}",
)
WRITING = Words(
    "entry {key} is not kept in the build cache '{place}': {why}",
    "{count} entries are not kept in the build cache '{place}', {key} for one: {why}",
    "nothing more is kept in the build cache '{place}': {why}",
)


class Setbacks:
    """Of reading or of writing. `over` is whether to try no more."""

    def __init__(self, words: Words, place: Reference, listener: Listener) -> None:
        self._words, self._place, self._listener = words, place, listener
        self._lock = threading.Lock()
        self._row = 0
        self._failed: list[tuple[Key, BuildError]] = []
        self.over = False

    def worked(self) -> None:
        """The cache did what it should."""
        with self._lock:
            self._row = 0

    def failed(self, key: Key, fault: BuildError, *, unanswered: bool) -> None:
        """An entry is at fault; several that were not even answered are a sign of more."""
        with self._lock:
            self._failed.append((key, fault))
            self._row += unanswered
            last = self._row >= IN_A_ROW
        if last:
            self.end(fault)

    def end(self, fault: BuildError) -> None:
        """Try no more, and say why, once."""
        if self.stop():
            self._tell(self._words.all, why=fault.message)

    def stop(self) -> bool:
        """Try no more; whether that is new."""
        with self._lock:
            new, self.over = not self.over, True
        return new

    def tell(self) -> None:
        """Say what was at fault, at the end, in one line; unless it was told why no more is tried."""
        if self._failed and not self.over:
            (key, fault), count = min(self._failed, key=lambda row: row[0].hex), len(self._failed)
            words = self._words.one if count == 1 else self._words.several
            self._tell(words, key=key.hex[:12], count=count, why=fault.message)

    def _tell(self, words: str, **values: object) -> None:
        self._listener(Warned(words.format(place=self._place, **values)))
