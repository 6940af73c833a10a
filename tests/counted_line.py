"""A line to a server that counts the bytes that pass, both ways, and does something when so many have passed.

What it does happens before the next byte passes, so a test can kill a process, or cut the line, at any byte it likes.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_PIECE = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class Line:
    """`address` leads to the server. `up` are bytes that went there, `moved` those of both ways."""

    def __init__(self, target: str) -> None:
        name, _, port = target.partition(":")
        self._target = (name, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._at: list[tuple[int, Callable[[], None]]] = []
        self._open: set[tuple[socket.socket, socket.socket]] = set()
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.up = self.moved = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def restart(self, *events: tuple[int, Callable[[], None]]) -> None:
        """Count from nothing, and do these things each when so many bytes have moved."""
        with self._lock:
            self.up = self.moved = 0
            self._at = sorted(events, key=lambda event: event[0])

    def cut(self) -> None:
        """Break all connections, on both sides."""
        for pair in list(self._open):
            _break(*pair)

    def empty(self) -> None:
        """Break all connections, and wait until none of them passes anything any more."""
        self.cut()
        while self._open:
            time.sleep(0.01)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown(socket.SHUT_RDWR)  # else whoever waits in accept waits for ever
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            threading.Thread(target=self._both, args=(client, server), daemon=True).start()

    def _both(self, client: socket.socket, server: socket.socket) -> None:
        pair = (client, server)
        self._open.add(pair)
        up = threading.Thread(target=self._pass, args=(client, server, True), daemon=True)
        up.start()
        self._pass(server, client, False)
        up.join()
        self._open.discard(pair)
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)  # what was not read is refused
            end.close()

    def _pass(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        try:
            while data := source.recv(_PIECE):
                while data:
                    part, event = self._counted(data, up)
                    target.sendall(part)
                    data = data[len(part) :]
                    if event:
                        event()
            target.shutdown(socket.SHUT_WR)
        except OSError:
            _break(source, target)

    def _counted(self, data: bytes, up: bool) -> tuple[bytes, Callable[[], None] | None]:
        """What may pass before the next thing is to be done, and that thing if it is due then."""
        with self._lock:
            part = data[: self._at[0][0] - self.moved] if self._at else data
            self.moved += len(part)
            self.up += len(part) if up else 0
            return part, self._at.pop(0)[1] if self._at and self.moved >= self._at[0][0] else None


def _break(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(target: str) -> Iterator[Line]:
    """A line that is there until the block ends."""
    line = Line(target)
    try:
        yield line
    finally:
        line.close()
