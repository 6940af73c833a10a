"""Connections that notice when nothing moves.

In: the bytes of a request. Out: they are sent as long as the other side takes some of them within the time of a stall,
however slow it is; and an answer that came before the end of a body is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_SLICE = 1 << 18


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

    Plain.stall = Encrypted.stall = stall

    class PlainPool(HTTPConnectionPool):
        """Connections without TLS."""

        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        """Connections with TLS."""

        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
