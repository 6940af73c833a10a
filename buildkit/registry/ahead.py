"""Work done ahead of who waits for it: chunks are read and hashed while earlier ones are on the wire.

In: a generator of chunks. Out: the same chunks, made by a thread, a few in advance.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

_CHUNKS = 4


class Ahead:
    """An iterator over what a thread makes; what the generator raises is raised here, in its place."""

    def __init__(self, chunks: Generator[bytes]) -> None:
        self._chunks = chunks
        self._made: queue.Queue[bytes | BaseException | None] = queue.Queue(_CHUNKS)
        self._stopped = threading.Event()
        threading.Thread(target=self._work, name="ahead", daemon=True).start()

    def __iter__(self) -> Ahead:
        return self

    def __next__(self) -> bytes:
        item = self._made.get()
        if isinstance(item, bytes):
            return item
        self._made.put(item)  # whoever reads on is told the same
        if item is None:
            raise StopIteration
        raise item

    def close(self) -> None:
        """End the thread, after the chunk that it is at; it closes the generator."""
        self._stopped.set()
        try:
            while True:
                self._made.get_nowait()
        except queue.Empty:
            return

    def _work(self) -> None:
        end: BaseException | None = None
        try:
            for chunk in self._chunks:
                if self._stopped.is_set():
                    break
                self._made.put(chunk)
        except BaseException as error:  # it belongs to who asks for the chunk
            end = error
        finally:
            self._chunks.close()
        if not self._stopped.is_set():
            self._made.put(end)
