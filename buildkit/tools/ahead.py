"""A generator's values, made in a thread of its own while the consumer works on the ones before.

In: an iterable. Out: its values in their order. Hashing, inflating and compressing leave Python's lock, so two
stages of a pipeline really run at once.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

_DEPTH = 8


class _End:
    """The end of the values; `error` is what ended them early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(values: Iterable[T]) -> Generator[T, None, None]:
    """The values, a few ahead of the consumer; an error is raised where it would have been."""
    line: queue.Queue[T | _End] = queue.Queue(_DEPTH)
    stopped = threading.Event()
    producer = threading.Thread(target=_produce, args=(values, line, stopped), daemon=True)
    producer.start()
    try:
        while not isinstance(value := line.get(), _End):
            yield value
        if value.error:
            raise value.error
    finally:
        stopped.set()
        while producer.is_alive():
            _drain(line)
            producer.join(0.01)


def _produce(values: Iterable[T], line: queue.Queue[T | _End], stopped: threading.Event) -> None:
    try:
        for value in values:
            if stopped.is_set():
                return
            line.put(value)
    except BaseException as error:
        line.put(_End(error))
    else:
        line.put(_End())


def _drain(line: queue.Queue[T | _End]) -> None:
    while True:
        try:
            line.get_nowait()
        except queue.Empty:
            return
