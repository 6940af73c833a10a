"""A proxy before a real registry that does, by a seed, what networks and registries do on bad days.

Every request may be refused, cut, stalled, forgotten or answered with a lie. It wants tokens that hold for a few
requests, and gives them out itself.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = 1 << 16


class Fault(StrEnum):
    """What may befall a request."""

    STATUS = "a status that may pass, before the registry is asked"
    LATE_STATUS = "a status that may pass, after the registry did what was asked"
    RETRY_AFTER = "a status with Retry-After"
    RESET_REQUEST = "the connection reset within the request's body"
    RESET_ANSWER = "the connection reset within the answer's body"
    LOST_ANSWER = "the connection reset before the answer"
    TRUNCATED = "an answer that ends early"
    STALLED_REQUEST = "a request's body that is read no further"
    STALLED_ANSWER = "an answer that goes no further"
    WRONG_DIGEST = "another digest in the answer's header"
    WRONG_BYTES = "a byte of the answer's body changed"
    FORGOTTEN = "an upload that the registry knows nothing of"


_STATUSES = (408, 429, 500, 502, 503, 504)
# How often each befalls, when one does: stalls take the time of a client's patience.
_WEIGHTS = {Fault.STALLED_REQUEST: 1, Fault.STALLED_ANSWER: 1, Fault.WRONG_BYTES: 2, Fault.WRONG_DIGEST: 2}


@dataclass
class FaultProxy:
    """`rate` is how many of the requests a fault befalls; `stall` is longer than a client waits, in seconds."""

    target: str
    seed: int
    rate: float
    stall: float
    address: str = ""
    seen: Counter[Fault] = field(default_factory=Counter)
    tokens: dict[str, int] = field(default_factory=dict)
    received: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def decided(self) -> tuple[Fault | None, random.Random]:
        """What befalls the next request, and the dice for how."""
        with self._lock:
            dice = random.Random(self._random.random())
            fault = None
            if self._random.random() < self.rate:
                kinds = list(Fault)
                fault = self._random.choices(kinds, [_WEIGHTS.get(kind, 6) for kind in kinds])[0]
                self.seen[fault] += 1
            return fault, dice

    def token(self) -> str:
        """A new token, for so many requests."""
        with self._lock:
            name = f"secret-{self.seed}-{len(self.tokens)}"
            self.tokens[name] = self._random.randint(10, 60)
            return name

    def holds(self, authorization: str | None) -> bool:
        """Whether this is a token that still holds; one use less is left."""
        name = (authorization or "").removeprefix("Bearer ")
        with self._lock:
            left = self.tokens.get(name, 0)
            if left:
                self.tokens[name] = left - 1
            return left > 0


class _Cut(Exception):
    """The connection is done with."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart, and the second would wait for the other side
    proxy: FaultProxy

    def any(self) -> None:
        self._left = int(self.headers.get("Content-Length") or 0)
        try:
            if self.path.startswith("/token"):
                return self._said(200, {}, json.dumps({"token": self.proxy.token(), "expires_in": 300}).encode())
            if not self.proxy.holds(self.headers.get("Authorization")):
                challenge = f'Bearer realm="http://{self.proxy.address}/token",service="faults"'
                return self._said(401, {"WWW-Authenticate": challenge})
            self._befallen(*self.proxy.decided())
        except (_Cut, OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = any  # noqa: N815

    def _befallen(self, fault: Fault | None, dice: random.Random) -> None:
        upload = "/blobs/uploads/" in self.path and self.command != "POST"
        if fault is Fault.STATUS:
            return self._said(dice.choice(_STATUSES), {})
        if fault is Fault.RETRY_AFTER:
            return self._said(dice.choice((429, 503)), {"Retry-After": dice.choice(("0", "1"))})
        if fault is Fault.FORGOTTEN and upload:
            return self._said(404, {}, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN", "message": "unknown"}]}')
        answer = self._forwarded(fault, dice)
        if fault is Fault.LATE_STATUS:
            answer.read()
            return self._said(dice.choice((500, 502, 504)), {})
        if fault is Fault.LOST_ANSWER:
            self._reset()
        return self._answered(answer, fault, dice)

    def _said(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """An answer of the proxy's own; the rest of the request is read, as servers do for a while."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        while self._left and (data := self.rfile.read1(min(self._left, _PIECE))):
            self._left -= len(data)

    def _forwarded(self, fault: Fault | None, dice: random.Random) -> http.client.HTTPResponse:
        size = self._left
        stop = dice.randrange(size) if size and fault in (Fault.RESET_REQUEST, Fault.STALLED_REQUEST) else size
        upstream = http.client.HTTPConnection(self.proxy.target, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("authorization", "connection"):
                upstream.putheader(name, value)
        upstream.putheader("Connection", "close")
        upstream.endheaders()
        while self._left > size - stop:
            data = self.rfile.read1(min(self._left - (size - stop), _PIECE))
            if not data:
                upstream.close()
                raise _Cut
            self._left -= len(data)
            self.proxy.received += len(data)
            upstream.sock.sendall(data)
        if stop < size:
            if fault is Fault.STALLED_REQUEST:
                time.sleep(self.proxy.stall)
            upstream.close()
            self._reset()
        return upstream.getresponse()

    def _answered(self, answer: http.client.HTTPResponse, fault: Fault | None, dice: random.Random) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name == "Docker-Content-Digest" and fault is Fault.WRONG_DIGEST:
                value = "sha256:" + "0" * 64
            if name not in ("Connection", "Date", "Transfer-Encoding"):
                self.send_header(name, value)
        size = int(answer.getheader("Content-Length") or 0)
        if not answer.getheader("Content-Length"):
            self.send_header("Content-Length", "0")
        self.end_headers()
        if self.command == "HEAD" or not size:
            return
        broken = fault in (Fault.RESET_ANSWER, Fault.TRUNCATED, Fault.STALLED_ANSWER)
        stop = dice.randrange(size) if broken else size
        changed = dice.randrange(size) if fault is Fault.WRONG_BYTES else -1
        done = 0
        while done < stop and (data := answer.read(min(_PIECE, stop - done))):
            if done <= changed < done + len(data):
                place = changed - done
                data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            self.wfile.write(data)
            done += len(data)
        answer.close()
        if fault is Fault.STALLED_ANSWER:
            select.select([self.connection], [], [], self.proxy.stall)
        if fault is Fault.RESET_ANSWER:
            self._reset()
        if broken:
            raise _Cut

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Cut

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close without a goodbye: a reset is to be one."""
        request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is nothing to tell."""


@contextmanager
def fault_proxy(proxy: FaultProxy) -> Iterator[FaultProxy]:
    """The proxy, listening."""
    assert re.fullmatch(r"[0-9.]+:\d+", proxy.target)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with _Server(("127.0.0.1", 0), handler) as server:
        proxy.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
