"""How large values may grow, and how long an evaluation may take.

In: a value or its size before it is made. Out: nothing, or a BuildError that names the bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from buildkit.errors import BuildError

INTEGER_DIGITS = 4_200
INTEGER_BITS = 13_900  # below 4,200 decimal digits, so that Python still turns every integer into text
STRING_LENGTH = 1 << 26
ELEMENTS = 1 << 24
DEPTH = 200  # of values inside values, where they are compared, hashed or written
NODES = 1 << 20  # of values inside values, each counted as often as it is met

_LARGEST = 1 << INTEGER_BITS


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one evaluation: `steps` (loop rounds, calls, the size of what is built), `depth` (calls in calls)."""

    steps: int = 50_000_000
    depth: int = 200


def check_integer(value: int) -> int:
    """Return an integer that is within bounds."""
    if -_LARGEST < value < _LARGEST:
        return value
    raise BuildError(f"integer is too large: the bound is {INTEGER_BITS} bits")


def check_length(length: int) -> None:
    """Refuse a string or bytes longer than the bound."""
    if length > STRING_LENGTH:
        raise BuildError(f"string of {length} characters is too long: the bound is {STRING_LENGTH}")


def check_elements(count: int) -> None:
    """Refuse a list, tuple or dict with more elements than the bound."""
    if count > ELEMENTS:
        raise BuildError(f"sequence of {count} elements is too long: the bound is {ELEMENTS}")


def spend(budget: list[int], count: int, what: str) -> None:
    """Take from what is left of `NODES`; a small value that shares its parts can be huge when walked."""
    budget[0] -= count
    if budget[0] < 0:
        raise BuildError(f"value has too many elements to be {what}: the bound is {NODES}")


def too_deep(what: str) -> BuildError:
    """The error for values nested beyond the bound."""
    return BuildError(f"value is nested too deeply to be {what}: the bound is {DEPTH} levels")
