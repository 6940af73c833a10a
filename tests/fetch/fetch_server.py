"""A small real HTTP server on loopback: paths → answers, with a record of what was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What a path gives: `failures` times 503 first; `cut` drops the connection after half of the body."""

    body: bytes
    kind: str = "application/octet-stream"
    failures: int = 0
    cut: int = 0
    location: str = ""


@dataclass
class Served:
    """A running server."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving() -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            served.authorizations.append(self.headers["Authorization"])
            answer = served.answers.get(self.path)
            if answer is None:
                self.send_error(404)
            elif answer.failures:
                answer.failures -= 1
                self.send_error(503)
            elif answer.location:
                self.send_response(302)
                self.send_header("Location", answer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.give(answer)

        def give(self, answer: Answer) -> None:
            self.send_response(200)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            body = answer.body
            if answer.cut:
                answer.cut -= 1
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Served(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
