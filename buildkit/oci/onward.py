"""A stream of bytes as a file that is read from front to end: `tar_reader` needs no more.

In: chunks. Out: `read`, and `seek` that only goes on. Nothing is kept but the chunk that is being read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from buildkit.errors import BuildFailure, InternalError


class Onward:
    """Reads chunks one after the other; `what` names them in errors."""

    def __init__(self, chunks: Iterator[bytes], what: str) -> None:
        self._chunks, self._what = chunks, what
        self._chunk, self._start = b"", 0  # `_start` is where in the stream the chunk begins
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go on to `offset`; the end is nowhere before it is reached. BuildFailure if it comes before the offset."""
        if whence == os.SEEK_END:
            return sys.maxsize
        if offset < self._position:
            raise InternalError(f"{self._what} is read from front to end, not back to {offset}")
        self._position = offset
        while self._start + len(self._chunk) < offset:
            if not self._next():
                left = offset - self._start
                raise BuildFailure(f"{self._what} is damaged: it ends {left} bytes before its last member does")
        return offset

    def read(self, size: int, /) -> bytes:
        """As many bytes, or all that are left."""
        parts: list[bytes] = []
        while size:
            if self._position >= self._start + len(self._chunk) and not self._next():
                break
            begin = self._position - self._start
            part = self._chunk[begin : begin + size]
            parts.append(part)
            self._position += len(part)
            size -= len(part)
        return b"".join(parts)

    def _next(self) -> bool:
        self._start += len(self._chunk)
        self._chunk = next(self._chunks, b"")
        return bool(self._chunk)
