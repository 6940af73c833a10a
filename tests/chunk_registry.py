"""A real HTTP registry on loopback that takes chunks, and keeps what came of an upload that broke off.

docker-registry 2.8, against which the other tests run, cannot go on with a broken upload: it answers 404. This one
does as the distribution specification says, in memory, and cuts connections where it is told to.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class ChunkRegistry:
    """Its ways, to be set by a test; and what it has and has seen."""

    least: int = 0  # announced as OCI-Chunk-Min-Length
    limit: int = 1 << 40  # larger requests are refused with 413
    refuses_patch: int = 0  # the status, as of a registry that takes no chunks
    cuts: list[int] = field(default_factory=list)  # bytes of bodies, in or out, after which a connection is dropped
    keeps: bool = True  # what came before a cut
    tells: bool = True  # what it keeps, when asked
    ponders: float = 0  # seconds before an upload is ended
    loses: int = 0  # so many uploads are ended without a word
    forgets: int = 0  # so many uploads are unknown when they go on
    mounts: bool = True
    status: int = 202  # of a PATCH
    address: str = ""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    received: int = 0
    sent: int = 0


class _Cut(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart, and the second would wait for the other side
    registry: ChunkRegistry

    def any(self) -> None:
        url = urlsplit(self.path)
        part = self.headers.get("Content-Range") or self.headers.get("Range") or ""
        self.registry.lines.append(" ".join(filter(None, (self.command, url.path, part))))
        found = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|tags|referrers)/(.*)", url.path)
        assert found, url.path
        repository, kind, name = found.groups()
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        with suppress(_Cut):
            getattr(self, "do_" + kind.replace("/", "_"))(repository, name, query)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = any  # noqa: N815

    def do_blobs_uploads(self, repository: str, name: str, query: dict[str, str]) -> None:
        registry = self.registry
        if self.command == "POST":
            return self._start(repository, query)
        if registry.forgets and self.command in ("PUT", "PATCH"):
            registry.forgets -= 1
            registry.uploads.pop(name, None)
        kept = registry.uploads.get(name)
        size = int(self.headers.get("Content-Length") or 0)
        if size > registry.limit or kept is None or (self.command == "PATCH" and registry.refuses_patch):
            self.rfile.read(size)
            return self._answer(413 if size > registry.limit else 404 if kept is None else registry.refuses_patch)
        if self.command == "DELETE":
            del registry.uploads[name]
            return self._answer(204)
        if self.command == "GET" and not registry.tells:
            return self._answer(400)
        if self.command == "GET":
            return self._answer(204, {**self._place(repository, name), "Range": f"0-{max(len(kept) - 1, 0)}"})
        part = self.headers.get("Content-Range")
        if (int(part.partition("-")[0]) if part else 0) != len(kept) and size:
            self.rfile.read(size)
            return self._answer(416, {**self._place(repository, name), "Range": f"0-{max(len(kept) - 1, 0)}"})
        self._take(kept, size)
        if self.command == "PATCH":
            place = self._place(repository, name)
            return self._answer(registry.status, {**place, "Range": f"0-{len(kept) - 1}"})
        found = "sha256:" + hashlib.sha256(kept).hexdigest()
        time.sleep(registry.ponders)
        del registry.uploads[name]
        if found != query["digest"]:
            return self._answer(400, {}, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
        registry.blobs[repository, found] = bytes(kept)
        if registry.loses:
            registry.loses -= 1
            self._drop()
        return self._answer(201, {"Docker-Content-Digest": found})

    def _start(self, repository: str, query: dict[str, str]) -> None:
        registry = self.registry
        data = registry.blobs.get((query.get("from", ""), query.get("mount", "")))
        if data is not None and registry.mounts:
            registry.blobs[repository, query["mount"]] = data
            return self._answer(201, {"Docker-Content-Digest": query["mount"]})
        name = str(len(registry.lines))
        registry.uploads[name] = bytearray()
        least = {"OCI-Chunk-Min-Length": str(registry.least)} if registry.least else {}
        return self._answer(202, {**self._place(repository, name), **least})

    def _place(self, repository: str, name: str) -> dict[str, str]:
        return {"Location": f"/v2/{repository}/blobs/uploads/{name}?state=a%2Fb"}

    def _take(self, kept: bytearray, size: int) -> None:
        before = len(kept)
        while size:
            cut = self.registry.cuts[0] if self.registry.cuts else 1 << 60
            data = self.rfile.read1(min(size, 1 << 16, cut - self.registry.received))
            size -= len(data)
            self.registry.received += len(data)
            kept += data
            if not data or self.registry.received >= cut:
                if data:
                    self.registry.cuts.pop(0)
                if not self.registry.keeps:
                    del kept[before:]
                self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        raise _Cut

    def do_blobs(self, repository: str, name: str, query: dict[str, str]) -> None:
        data = self.registry.blobs.get((repository, name))
        if data is None:
            return self._answer(404)
        if self.command == "HEAD":
            return self._answer(200, {"Content-Length": str(len(data))})
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not part:
            return self._answer(200, {}, data)
        start, end = int(part[1]), int(part[2]) + 1
        return self._answer(206, {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}, data[start:end])

    def do_manifests(self, repository: str, name: str, query: dict[str, str]) -> None:
        if self.command == "PUT":
            data = self.rfile.read(int(self.headers["Content-Length"]))
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            for place in (name, digest):
                self.registry.manifests[repository, place] = self.headers["Content-Type"], data
            return self._answer(201, {"Docker-Content-Digest": digest})
        if (repository, name) not in self.registry.manifests:
            return self._answer(404)
        kind, data = self.registry.manifests[repository, name]
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        return self._answer(200, {"Content-Type": kind, "Docker-Content-Digest": digest}, data)

    def do_tags(self, repository: str, name: str, query: dict[str, str]) -> None:
        """Two tags a page."""
        tags = sorted(tag for place, tag in self.registry.manifests if place == repository and ":" not in tag)
        after = [tag for tag in tags if tag > query.get("last", "")]
        link = f'</v2/{repository}/tags/list?n=2&last={after[1]}>; rel="next"' if len(after) > 2 else ""
        body = json.dumps({"name": repository, "tags": after[:2]}).encode()
        return self._answer(200 if tags else 404, {"Link": link} if link else {}, body)

    def do_referrers(self, repository: str, name: str, query: dict[str, str]) -> None:
        return self._answer(404)

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        headers = headers or {}
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.registry.cuts[0] - self.registry.sent if self.registry.cuts and len(body) > 4096 else len(body)
        self.registry.sent += len(body[:cut])
        self.wfile.write(body[:cut])
        if cut < len(body):
            self.registry.cuts.pop(0)
            self._drop()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def chunk_registry(registry: ChunkRegistry) -> Iterator[ChunkRegistry]:
    """The registry, listening."""
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
