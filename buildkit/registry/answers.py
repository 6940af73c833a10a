"""What a registry answers, read as it came: never unpacked, and bounded in size and in time.

In: an answer of which nothing was read yet. Out: its bytes. Whoever unpacks what was not asked for, or waits for one
byte a minute, is at the mercy of the other side.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests
from urllib3.exceptions import HTTPError

from buildkit.registry.faults import Peer

_PIECE = 1 << 16
_RECORD = (
    1 << 14
)  # the most that TLS hands out at once (RFC 8446, 5.1): to make room for more costs more than to read it
_WORDS = 1 << 20  # bytes of an answer whose status says all, or nearly
_PATIENCE = 2.0  # seconds for the rest of them
_SLOWEST = 1 << 10  # bytes in a second

PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def pieces(response: requests.Response, size: int = _PIECE, stall: float | None = None) -> Iterator[bytes]:
    """The bytes of a body as they come, `size` at most at a time. Raises what `requests` raises where it breaks off.

    With `stall`, in seconds, a body that brings next to nothing in that time counts as broken off.
    """
    if isinstance(response._content, bytes):
        yield response._content
        return
    waited, gained = 0.0, 0
    size = min(size, _RECORD) if response.url.startswith("https:") else size
    while True:
        began = time.monotonic()
        try:
            data = response.raw.read1(size, decode_content=False)
            if not data or not response.raw.length_remaining:
                # `read1` does not notice that nothing is left, and would keep the connection from others.
                data += response.raw.read(1, decode_content=False)
        except HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error) from error
        if not data:
            return
        waited, gained = waited + time.monotonic() - began, gained + len(data)
        if stall is not None and waited >= stall:
            if gained < stall * _SLOWEST:
                raise requests.ReadTimeout(TimeoutError("next to nothing comes"))
            waited, gained = 0.0, 0
        yield data


def settle(response: requests.Response, seconds: float) -> None:
    """Read a body that matters little: what is longer than that, or takes longer, is cut off.

    Where the status says all, what breaks off is no fault, and not waited for either: docker-registry promises a whole
    blob with a 416, and sends a line.
    """
    said = response.status_code >= 300
    seconds = min(seconds, _PATIENCE) if said else seconds
    connection = response.raw.connection
    if said and connection and connection.sock:
        connection.sock.settimeout(seconds)  # set anew for each request
    ends, data = time.monotonic() + seconds, bytearray()
    try:
        for piece in pieces(response):
            data += piece
            if len(data) > _WORDS or time.monotonic() > ends:
                response.close()
                break
    except requests.RequestException:
        response.close()
        if not said:
            raise
    response._content = bytes(data[:_WORDS])
    response._content_consumed = True  # type: ignore[attr-defined]


def whole(response: requests.Response, peer: Peer, doing: str, limit: int, seconds: float) -> bytes:
    """All of a document of at most `limit` bytes that comes within so many seconds."""
    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise peer.wrong(doing, "packed its answer, which was not asked for")
    ends, data = time.monotonic() + seconds, bytearray()
    for piece in pieces(response):
        data += piece
        if len(data) > limit:
            raise peer.wrong(doing, f"sent more than {limit >> 10} KiB")
        if time.monotonic() > ends:
            raise peer.wrong(doing, f"took more than {seconds:.0f} s for {len(data)} bytes")
    return bytes(data)
