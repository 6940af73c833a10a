"""A server whose answers never end: byte after byte, each soon enough that nothing looks stuck."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PAUSE = 0.02  # seconds
_BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\nX-Filler: "


@contextmanager
def dripping(part: str) -> Iterator[str]:
    """Its address; `part` is what drips of each answer: 'head' or 'body'."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()
        threading.Thread(target=_accept, args=(server, part, ended), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, part: str, ended: threading.Event) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_drip, args=(connection, part, ended), daemon=True).start()


def _drip(connection: socket.socket, part: str, ended: threading.Event) -> None:
    with connection, suppress(OSError):
        connection.recv(1 << 16)
        connection.sendall(_HEAD if part == "head" else _BODY)
        while not ended.wait(_PAUSE):
            connection.sendall(b" ")
