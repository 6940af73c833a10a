"""A real HTTP registry on loopback, small enough to be told to misbehave.

It keeps blobs and manifests, speaks Basic and Bearer, records every request, and gives the answers planted with
`plant` before its own.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from buildkit.digest import Digest


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    authorization: str | None
    body: bytes
    range: str = ""
    cookie: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {urlsplit(self.path).path}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False  # close the connection without an answer


@dataclass
class LittleRegistry:
    basic: str | None = None  # "user:password": wants Basic
    realm: str | None = None  # wants a Bearer token of this realm
    location_host: str = ""  # uploads go on there; '' gives relative Locations
    wrong_digest: bool = False
    headers: dict[str, str] = field(default_factory=dict)  # of all answers
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)  # those that were given out and still hold
    seen: list[Seen] = field(default_factory=list)
    planted: list[tuple[str, str, Answer]] = field(default_factory=list)
    address: str = ""
    sent: int = 0  # bytes of blobs

    def plant(self, method: str, part: str, answer: Answer) -> None:
        """Answer the next request with this method and this in its path so."""
        self.planted.append((method, part, answer))

    def lines(self) -> list[str]:
        return [str(request) for request in self.seen]

    def answer(self, request: Seen) -> Answer:
        self.seen.append(request)
        for number, (method, part, answer) in enumerate(self.planted):
            if method == request.method and part in request.path:
                del self.planted[number]
                return answer
        if request.path.startswith("/token"):
            return self._token(request)
        return self._refusal(request) or self._served(request)

    def _token(self, request: Seen) -> Answer:
        wanted = f"Basic {base64.b64encode(self.basic.encode()).decode()}" if self.basic else None
        if wanted not in (None, request.authorization) and request.method == "GET":
            return Answer(401, body=b'{"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]}')
        self.tokens.append(f"token-{len(self.tokens)}")
        return Answer(200, body=json.dumps({"token": self.tokens[-1], "expires_in": 300}).encode())

    def _refusal(self, request: Seen) -> Answer | None:
        if self.realm:
            if request.authorization in [f"Bearer {token}" for token in self.tokens]:
                return None
            scope = 'scope="repository:ml/fraud:pull"'
            return Answer(401, {"WWW-Authenticate": f'Bearer realm="{self.realm}",service="little",{scope}'})
        wanted = f"Basic {base64.b64encode(self.basic.encode()).decode()}" if self.basic else None
        if request.authorization == wanted:
            return None
        return Answer(401, {"WWW-Authenticate": 'Basic realm="little"'}, b'{"errors": [{"code": "UNAUTHORIZED"}]}')

    def _served(self, request: Seen) -> Answer:
        path, name = urlsplit(request.path).path, urlsplit(request.path).path.rpartition("/")[2]
        if request.method == "HEAD":
            blob = self.blobs.get(name)
            return Answer(404) if blob is None else Answer(200, {"Content-Length": str(len(blob))})
        if request.method == "GET":
            return self._read(path, name, request)
        if request.method == "POST":
            return Answer(202, {"Location": f"{self.location_host}{path}7?_state=a%2Fb"})
        if request.method == "DELETE":
            return Answer(204)
        if request.method == "PATCH":
            return Answer(501)
        found = "sha256:" + hashlib.sha256(request.body).hexdigest()
        if "/manifests/" in path:
            self.manifests[name] = (found, request.body)
        else:
            query = parse_qs(urlsplit(request.path).query)
            if query["digest"] != [found] or query["_state"] != ["a/b"]:
                return Answer(400, body=b'{"errors": [{"code": "DIGEST_INVALID", "message": "not that"}]}')
            self.blobs[found] = request.body
        stored = "sha256:" + "0" * 64 if self.wrong_digest else found
        return Answer(201, {"Docker-Content-Digest": stored})

    def _read(self, path: str, name: str, request: Seen) -> Answer:
        if path == "/v2/":
            return Answer(200, body=b"{}")
        if "/blobs/" in path and name in self.blobs:
            return self._blob(self.blobs[name], request.range)
        digests = {digest: (digest, data) for digest, data in self.manifests.values()}
        found = self.manifests.get(name) or digests.get(name)
        if "/manifests/" in path and found:
            return Answer(200, {"Docker-Content-Digest": found[0]}, found[1])
        if path.endswith("/tags/list"):
            return Answer(
                200, body=json.dumps({"tags": sorted(tag for tag in self.manifests if ":" not in tag)}).encode()
            )
        return Answer(404, body=b'{"errors": [{"code": "NAME_UNKNOWN"}]}')

    def _blob(self, data: bytes, wanted: str) -> Answer:
        """All bytes, or those of `bytes=FIRST-LAST`; `sent` counts them."""
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None] if wanted else data
        self.sent += len(part)
        if not wanted:
            return Answer(200, body=part)
        return Answer(206, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}, part)


def _handler(registry: LittleRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are written apart, and the second would wait for the other side

        def _any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            if len(body) < size:  # the client gave up
                self.close_connection = True
                return
            told, cookie = self.headers.get("Range") or "", self.headers.get("Cookie")
            asked = Seen(self.command, self.path, self.headers.get("Authorization"), body, told, cookie)
            answer = registry.answer(asked)
            if answer.drop:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {**registry.headers, **answer.headers}.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no fault of the registry."""


@contextmanager
def serving(registry: LittleRegistry) -> Iterator[LittleRegistry]:
    with _Server(("127.0.0.1", 0), _handler(registry)) as server:
        registry.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()


class Shelf:
    """The least that a push needs of a store: blobs in memory."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.opened: list[Digest] = []

    def put(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.blobs[digest] = data
        return digest

    def has(self, digest: Digest) -> bool:
        return digest in self.blobs

    def open(self, digest: Digest) -> io.BytesIO:
        self.opened.append(digest)
        return io.BytesIO(self.blobs[digest])

    def read(self, digest: Digest) -> bytes:
        return self.blobs[digest]

    def image(self, *layers: bytes) -> Digest:
        rows = [_row(self.put(layer), "application/vnd.oci.image.layer.v1.tar") for layer in layers]
        config = _row(self.put(b'{"architecture": "amd64"}'), "application/vnd.oci.image.config.v1+json")
        return self.put(
            json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": config,
                    "layers": rows,
                }
            ).encode()
        )


def _row(digest: Digest, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(digest), "size": digest.size}
