"""One evaluation under way: its bounds, its calls, and the places that errors name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from buildkit.errors import BuildError, Span
from buildkit.lang.limits import Limits, exceeded


class _Unbound:
    """Marks a variable without a value yet."""

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


class Thread:
    """One evaluation under way: its bounds, the host's context, the calls that lead to where it is."""

    __slots__ = ("active", "context", "depth", "limit", "limits", "printer", "sites", "steps")

    def __init__(self, limits: Limits, context: object, printer: Printer) -> None:
        self.limits = limits
        self.limit = limits.steps
        self.context = context
        self.printer = printer
        self.steps = 0
        self.depth = 0
        self.active: set[object] = set()
        self.sites: list[Site] = []

    def charge(self, steps: int) -> None:
        """Count steps. Raises BuildError beyond the bound."""
        self.steps += steps
        if self.steps > self.limit:
            raise exceeded("evaluation takes too many steps", "steps", self.limit)


def place(error: BuildError, span: Span) -> BuildError:
    """The error with a place, if it has none yet."""
    if error.span is not None:
        return error
    return type(error)(error.message, span=span, hint=error.hint, notes=error.notes, details=error.details)


def add_note(error: BuildError, note: str) -> BuildError:
    """The error with one more note."""
    notes = (*error.notes, note)
    return type(error)(error.message, span=error.span, hint=error.hint, notes=notes, details=error.details)
