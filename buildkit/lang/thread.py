"""One evaluation under way: its bounds, the functions that are active, and the places that errors name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from buildkit.errors import BuildError, Span
from buildkit.lang.limits import Limits, exceeded, too_slow


class _Unbound:
    """Marks a parameter without a value."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND = _Unbound()


class Site(Protocol):
    """The place of a call; spans are worked out only when something asks."""

    @property
    def span(self) -> Span:
        """The call expression."""

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Keyword → its name's place; position → the argument's place."""


class HostSite:
    """A call that comes from Python, for the sake of something at a place, or of nothing in particular."""

    __slots__ = ("place",)

    def __init__(self, place: Span | None) -> None:
        self.place = place

    @property
    def span(self) -> Span:
        """The place that the host named."""
        return self.place or Span("<mbuild>", 1, 1, 1, 1)

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Nothing: the arguments stand in no file."""
        return {}


Printer = Callable[[Span, str], None]

_SLICE = 1 << 16


class Thread:
    """One evaluation under way: its bounds, the host's context, the functions that are active.

    Steps are handed out in slices, so that counting one is only a subtraction from `left` and a look at its sign.
    `active` has the keys of the functions that are being called, outermost first.
    """

    __slots__ = ("active", "context", "deadline", "deepest", "elements", "left", "limits", "printer", "rest")

    def __init__(self, limits: Limits, context: object, printer: Printer) -> None:
        self.limits = limits
        self.deepest = limits.depth
        self.elements = limits.elements
        self.context = context
        self.printer = printer
        self.left = min(_SLICE, limits.steps)
        self.rest = limits.steps - self.left
        self.active: dict[int, None] = {}
        self.deadline = time.monotonic() + limits.seconds

    def charge(self, steps: int) -> None:
        """Count steps. Raises BuildError beyond the bound."""
        self.left -= steps
        if self.left < 0:
            self.refill()

    def refill(self) -> None:
        """Take the next slice of steps, and look at the clock. Raises BuildError beyond a bound."""
        taken = min(self.rest, max(_SLICE, -self.left))
        self.rest -= taken
        self.left += taken
        if time.monotonic() > self.deadline:
            raise too_slow(self.limits.seconds)
        if self.left < 0:
            raise exceeded("evaluation takes too many steps", "steps", self.limits.steps)

    def leave(self, depth: int) -> None:
        """Forget the functions that were active above a depth: an error has ended them."""
        while len(self.active) > depth:
            self.active.popitem()


def place(error: BuildError, span: Span) -> BuildError:
    """The error with a place, if it has none yet."""
    if error.span is not None:
        return error
    return type(error)(error.message, span=span, hint=error.hint, notes=error.notes, details=error.details)


def add_note(error: BuildError, note: str) -> BuildError:
    """The error with one more note."""
    notes = (*error.notes, note)
    return type(error)(error.message, span=error.span, hint=error.hint, notes=notes, details=error.details)
