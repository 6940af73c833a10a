"""How large values may grow, and how long an evaluation may take.

In: a value or its size before it is made. Out: nothing, or a BuildError that names the bound and how to raise it.

`Limits` are what a caller chooses; they hold for a thread while it is `within` them. What walks through values has
bounds of its own, which follow from the interpreter's stack and cannot be raised.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields

from buildkit.errors import BuildError
from buildkit.records import dataclass

DEPTH = 200  # of values inside values, where they are compared, hashed or written
NODES = 1 << 20  # of values inside values, each counted as often as it is met

_SMALL_INTEGER = 1 << 63
_SMALL_SIZE = 1 << 10
_BITS_OF_DIGIT = 3.3220  # a little more than log2(10)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one evaluation: whole numbers, `seconds` aside.

    `steps` counts loop rounds, calls and the size of what is built; `depth` calls inside calls; `seconds` is time on
    the clock. `integer_bits`, `string_length` (characters, or bytes) and `elements` (of a list, tuple, dict or set)
    bound each single value. Raises BuildError for a bound that is out of range.
    """

    steps: int = 50_000_000
    depth: int = 200
    seconds: float = 60.0
    integer_bits: int = 13_900  # below 4,300 decimal digits, which is where Python's own bound is
    string_length: int = 1 << 26
    elements: int = 1 << 24

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            kinds = (int, float) if name == "seconds" else (int,)
            if type(value) not in kinds or not least <= value <= most:
                raise BuildError(f"the limit '{name}' must be a number from {least} to {most}, found {value!r}")


# Below the least, small values would have to be checked as well; above the most, the machine gives up first.
_RANGES = {
    "steps": (1, 1 << 62),
    "depth": (1, 1_000),
    "seconds": (0, 1 << 31),
    "integer_bits": (2048, 1 << 24),
    "string_length": (_SMALL_SIZE, 1 << 34),
    "elements": (_SMALL_SIZE, 1 << 32),
}
LIMIT_NAMES = tuple(field.name for field in fields(Limits))

_ACTIVE: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039


@contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Bound what this thread makes of values."""
    digits = int(limits.integer_bits / _BITS_OF_DIGIT) + 2
    if 0 < sys.get_int_max_str_digits() < digits:
        sys.set_int_max_str_digits(digits)
    token = _ACTIVE.set(limits)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


_DEADLINE: ContextVar[float] = ContextVar("deadline", default=float("inf"))


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Bound the time of what is done inside, by the clock of `time.monotonic`."""
    token = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def check_time() -> None:
    """End an operation that goes over many values when the evaluation's time is over. Raises BuildError."""
    if time.monotonic() > _DEADLINE.get():
        raise too_slow(_ACTIVE.get().seconds)


def too_slow(seconds: float) -> BuildError:
    """The error for an evaluation whose time is over."""
    return exceeded("evaluation takes too long", "seconds", f"{seconds:g} seconds")


def exceeded(message: str, limit: str, bound: object) -> BuildError:
    """The error for what goes beyond one of the `Limits`."""
    hint = f"raise the limit '{limit}' in [limits] of mbuild.toml, or by '--limit {limit}=NUMBER'"
    return BuildError(f"{message}: the bound is {bound}", hint=hint)


def active() -> Limits:
    """The limits that hold in this thread."""
    return _ACTIVE.get()


def check_bits(bits: int) -> None:
    """Refuse an integer of so many bits before it is made."""
    bound = _ACTIVE.get().integer_bits
    if bits > bound:
        raise exceeded("integer is too large", "integer_bits", f"{bound} bits")


def check_integer(value: int) -> int:
    """Return an integer that is within bounds."""
    if not -_SMALL_INTEGER < value < _SMALL_INTEGER:
        check_bits(value.bit_length())
    return value


def check_digits(count: int, base: int) -> None:
    """Refuse text of so many digits before it is turned into an integer, which takes time."""
    bound = _ACTIVE.get().integer_bits
    bits = (base - 1).bit_length() if base != 10 else _BITS_OF_DIGIT
    if (count - 1) * bits > bound:
        raise exceeded(f"integer of {count} digits is too large", "integer_bits", f"{bound} bits")


def check_length(length: int) -> None:
    """Refuse a string or bytes longer than the bound."""
    if length > _SMALL_SIZE and length > _ACTIVE.get().string_length:
        bound = _ACTIVE.get().string_length
        raise exceeded(f"string of {length} characters is too long", "string_length", bound)


def check_elements(count: int) -> None:
    """Refuse a list, tuple, dict or set with more elements than the bound."""
    if count > _SMALL_SIZE and count > _ACTIVE.get().elements:
        raise exceeded(f"sequence of {count} elements is too long", "elements", _ACTIVE.get().elements)


def spend(budget: list[int], count: int, what: str) -> None:
    """Take from what is left of `NODES`; a small value that shares its parts can be huge when walked."""
    budget[0] -= count
    if budget[0] < 0:
        raise BuildError(f"value has too many elements to be {what}: the bound is {NODES}")


def too_deep(what: str) -> BuildError:
    """The error for values nested beyond the bound."""
    return BuildError(f"value is nested too deeply to be {what}: the bound is {DEPTH} levels")
