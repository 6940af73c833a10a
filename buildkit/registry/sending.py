"""Connections that notice when nothing moves.

In: the bytes of a request. Out: they are sent as long as the other side takes some of them within the time of a stall,
however slow it is; an answer that came before the end of a body is read; and once an answer begins, its head comes
within that time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.client import HTTPResponse
from io import BufferedReader
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_SLICE = 1 << 18


class _Head:
    """The lines before an answer's body: a byte now and then would satisfy a timeout of each read for ever."""

    def __init__(self, file: BufferedReader, stall: float) -> None:
        self._file = file
        self._stall = stall
        self._ends: float | None = None
        self.close = file.close

    def readline(self, limit: int) -> bytes:
        """Raises TimeoutError when time is up since the first byte of all lines."""
        line = b""
        while len(line) < limit and not line.endswith(b"\n"):
            ready = self._file.peek(1)  # waits for one piece at most
            self._ends = self._ends or time.monotonic() + self._stall
            if not ready:
                break
            line += self._file.readline(min(len(ready), limit - len(line)))
            if time.monotonic() > self._ends:
                raise TimeoutError("the head of an answer takes too long")
        return line


class _TimelyResponse(HTTPResponse):
    """An answer whose head has the time of a stall."""

    stall: float

    def begin(self) -> None:
        """Read the head."""
        file = self.fp
        self.fp = _Head(file, self.stall)  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            self.fp = file


class _Steady:
    """What both kinds of connection do when they send."""

    stall: float
    sock: Any
    _broken = False

    def send(self, data: Any) -> None:
        """Send all; each slice has the time of a stall, where `sendall` would give it to all of them together."""
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)  # type: ignore[misc]
            return
        self.sock.settimeout(self.stall)
        view = memoryview(data)
        try:
            while view:
                view = view[self.sock.send(view[:_SLICE]) :]
        except (ConnectionResetError, BrokenPipeError) as error:
            # Perhaps there is an answer that says why: urllib3 reads it after this error only.
            self._broken = True
            raise BrokenPipeError(*error.args) from error

    @property
    def is_connected(self) -> bool:
        """Whether another request may be sent; never after a body that was not sent whole."""
        return not self._broken and super().is_connected  # type: ignore[misc]


def pools(stall: float) -> Mapping[str, type[HTTPConnectionPool]]:
    """By scheme, what urllib3 makes its connections with; `stall` is in seconds."""

    class Plain(_Steady, HTTPConnection):
        """A connection without TLS."""

    class Encrypted(_Steady, HTTPSConnection):
        """A connection with TLS."""

    class Timely(_TimelyResponse):
        """An answer on either of them."""

    Plain.stall = Encrypted.stall = Timely.stall = stall
    Plain.response_class = Encrypted.response_class = Timely

    class PlainPool(HTTPConnectionPool):
        """Connections without TLS."""

        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        """Connections with TLS."""

        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
