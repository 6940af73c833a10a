"""A blob of a registry as a stream of bytes.

In: a host, a repository, a digest, and which part is wanted. Out: a `Reader` in flat memory that reads on by `Range`
where a connection broke, and holds all bytes of a whole blob against its digest before the last of them is handed out.
Of a large one, a thread receives a few chunks ahead of who hashes and writes them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from types import TracebackType

import requests

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.registry.ahead import Ahead
from buildkit.registry.answers import PASSING, pieces
from buildkit.registry.host import Host
from buildkit.registry.retry import Attempts, Transient

_CHUNK = 1 << 20
_SMALL = 4 * _CHUNK  # not worth a thread
_ENOUGH = 1 << 18  # bytes to be handed from thread to thread
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:\d+|\*)")


class BlobReader:
    """Bytes `offset` to `end` of a blob. A context manager: it holds a connection while it is open."""

    def __init__(self, host: Host, repository: str, digest: Digest, offset: int, length: int | None) -> None:
        self._host = host
        self._digest = digest
        self._position = offset
        self._end = digest.size if length is None else min(offset + length, digest.size)
        self._sha256 = hashlib.sha256() if (offset, self._end) == (0, digest.size) else None
        doing = f"reading blob {digest} of '{repository}'"
        self._call = host.call("GET", repository, f"blobs/{digest}", doing, stream=True)
        self._attempts = Attempts(host.patience, host.listener)
        self._parts: Iterator[bytes] | None = None
        self._response: requests.Response | None = None
        self._rest = b""

    @property
    def proves(self) -> Digest | None:
        """The digest that all bytes together have for certain, once the last is handed out; None for a part, and for
        a blob that is said to be empty: it has no last byte to be checked before.
        """
        return self._digest if self._sha256 and self._digest.size else None

    def __enter__(self) -> BlobReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes (all that are left if negative); raises EnvironmentFault for other bytes."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        if self._position >= self._end or not size:
            return b""
        if not self._rest:
            self._rest = self._next()
        data, self._rest = self._rest[:size], self._rest[size:]
        self._position += len(data)
        return data

    def _next(self) -> bytes:
        """The next chunk, over as many connections as it takes; the one that ends the blob is checked before."""
        while True:
            try:
                if self._parts is None:
                    self._open()
                chunk = self._received()
                break
            except Transient as transient:
                self._close()
                self._attempts.failed(transient)
        self._attempts.progressed(len(chunk))
        if self._sha256:
            self._sha256.update(chunk)
            if self._position + len(chunk) == self._end and self._sha256.hexdigest() != self._digest.hex:
                raise self._wrong(f"sent other bytes than those of its digest (sha256:{self._sha256.hexdigest()})")
        return chunk

    def _received(self) -> bytes:
        assert self._parts is not None
        try:
            chunk = next(self._parts, b"")
        except requests.RequestException as error:
            assert self._response is not None
            fault = self._host.exchange.unreachable(self._response.url, self._call, error)
            raise (Transient(fault) if isinstance(error, PASSING) else fault) from error
        left = self._end - self._position
        if not chunk:
            raise Transient(self._wrong(f"sent {left} bytes too few"))
        if len(chunk) > left:
            raise self._wrong("sent more bytes than the blob has")
        return chunk

    def _open(self) -> None:
        """Ask for what is missing; a registry that sends all of it again is listened to from there on."""
        start, end = self._position, self._end
        whole = (start, end) == (0, self._digest.size)
        call = self._call if whole else replace(self._call, headers={"Range": f"bytes={start}-{end - 1}"})
        self._response = self._host.exchange.answered(call)
        self._host.expect(self._response, call, 200, 206)
        parts = pieces(self._response, _CHUNK, self._host.patience.stall)
        if self._response.status_code == 206:
            found = _RANGE.fullmatch(self._response.headers.get("Content-Range", ""))
            if not found or (int(found[1]), int(found[2])) != (start, end - 1):
                raise self._wrong("sent another part than the one that was asked for")
        elif not whole:
            parts = _part(parts, start, end)
        self._parts = Ahead(_gathered(self._response, parts)) if end - start > _SMALL else parts

    def _close(self) -> None:
        if isinstance(self._parts, Ahead):
            self._parts.close()  # its thread may be waiting for the registry: that closes the response
        elif self._response is not None:
            self._response.close()
        self._response = self._parts = None

    def _wrong(self, what: str) -> EnvironmentFault:
        return self._host.peer.wrong(self._call.doing, what)


def _gathered(response: requests.Response, parts: Iterable[bytes]) -> Generator[bytes]:
    """The parts of a body, small ones joined; what came before a break is handed out before it is raised."""
    joined, size = list[bytes](), 0
    with closing(response):
        try:
            for part in parts:
                joined.append(part)
                size += len(part)
                if size >= _ENOUGH:
                    yield b"".join(joined)
                    joined, size = [], 0
        except requests.RequestException:
            if joined:
                yield b"".join(joined)
            raise
        if joined:
            yield b"".join(joined)


def _part(parts: Iterable[bytes], start: int, end: int) -> Iterator[bytes]:
    """Bytes `start` to `end` of all."""
    position = 0
    for part in parts:
        wanted = part[max(start - position, 0) : max(end - position, 0)]
        position += len(part)
        if wanted:
            yield wanted
        if position >= end:
            return
