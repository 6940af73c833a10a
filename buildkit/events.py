"""What happened in a build, as values. Everything that reports (progress, json, profiles) reads these.

Times are not in the events: who listens has a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from buildkit.label import Label
from buildkit.records import dataclass


class Outcome(StrEnum):
    """How an action ended."""

    RAN = "ran"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"  # something that it needs failed


@dataclass(frozen=True, slots=True)
class GraphReady:
    """Loading and analysis are done; so many packages, targets and actions are asked for."""

    packages: int
    targets: int
    actions: int


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """An action is really executed (a cached one never starts)."""

    number: int
    mnemonic: str
    owner: Label
    subject: str


@dataclass(frozen=True, slots=True)
class ActionEnded:
    """An action is done, by whichever way. `key` is the hex of its key, '' where it never got one."""

    number: int
    mnemonic: str
    owner: Label
    subject: str
    outcome: Outcome
    key: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` bytes moved for a piece of work (a fetch, an upload); total 0 is unknown."""

    work: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Output:
    """A line that a running program printed (`mbuild run` streams these), or a remark for the user."""

    line: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a user should know, though the work goes on."""

    message: str


Event = GraphReady | ActionStarted | ActionEnded | Progress | Output | Warned
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener for those who do not want to know."""
