"""`range(…)`: a sequence of integers that is never stored.

In: a start, a stop and a step. Out: a value that is indexed, compared and iterated over like the tuple it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator


class Range:
    """What `range` gives: a sequence of integers that is never stored."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers

    def count(self) -> int:
        """The length, also where Python's `len` would overflow."""
        start, stop, step = self.numbers.start, self.numbers.stop, self.numbers.step
        return max(0, (stop - start + step - (1 if step > 0 else -1)) // step)

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __bool__(self) -> bool:
        return bool(self.numbers)

    def __getitem__(self, index: int) -> int:
        return self.numbers[index]

    def __contains__(self, value: object) -> bool:
        return type(value) is int and value in self.numbers

    def __eq__(self, other: object) -> bool:
        return type(other) is Range and self.numbers == other.numbers

    def __hash__(self) -> int:
        return hash(self.numbers)

    def __repr__(self) -> str:
        return repr(self.numbers)
