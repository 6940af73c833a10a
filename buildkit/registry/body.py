"""A blob as the bodies of requests.

In: a digest and a way to open the blob. Out: windows of its bytes in chunks, read anew where they are sent again. The
last chunk leaves only after all bytes, from the first one on, were found to be those of the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.registry.ahead import Ahead
from buildkit.registry.registry import Moved, OpenBlob, Reader

CHUNK = 1 << 20
_SMALL = 2 * CHUNK  # not worth a thread
_UNNAMED = ""


def unnamed(size: int) -> Digest:
    """What stands for the digest of a blob as long as nobody knows it."""
    return Digest(_UNNAMED, size)


class BlobBody:
    """The blob's bytes, read once from front to end as long as the windows that are asked for follow each other.

    Those of a digest that is not known yet, `unnamed`, are counted, and not hashed.
    """

    def __init__(self, digest: Digest, open_blob: OpenBlob, moved: Moved) -> None:
        self.digest = digest
        self.position = 0  # bytes handed out so far
        self._open = open_blob
        self._moved = moved
        self._chunks: Generator[bytes] | Ahead | None = None
        self._rest = b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.window(0, self.digest.size))

    def window(self, start: int, end: int) -> Window:
        """Bytes `start` to `end`, as the body of one request.

        The first of them are read now: while a registry takes a request it may serve no other, and a copy within it
        would wait for itself; and what cannot be read leaves no request half sent.
        """
        if self.position > start:
            self.close()
        if self.position == start and not self._rest:
            self._rest = next(self._source(), b"")
        return Window(self, start, end)

    def close(self) -> None:
        """Let go of the blob."""
        if self._chunks is not None:
            self._chunks.close()
        self._chunks, self._rest, self.position = None, b"", 0

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a window; `moved` hears of each chunk once the next one is asked for."""
        if self.position > start:
            self.close()
        while self.position < start:
            self._take(start - self.position)
        self._moved(start)
        while self.position < end:
            yield self._take(end - self.position)
            self._moved(self.position)

    def _take(self, most: int) -> bytes:
        data = self._rest or next(self._source(), b"")
        taken, self._rest = data[:most], data[most:]
        self.position += len(taken)
        return taken

    def _source(self) -> Generator[bytes] | Ahead:
        if self._chunks is None:
            chunks = _verified(self.digest, self._open)
            self._chunks = Ahead(chunks) if self.digest.size > _SMALL else chunks
        return self._chunks


class Window:
    """An iterable with a length: `requests` sends it with a Content-Length, in flat memory, as often as it must."""

    def __init__(self, body: BlobBody, start: int, end: int) -> None:
        self._body = body
        self._start = start
        self._end = end

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[bytes]:
        return self._body.read(self._start, self._end)


def _verified(digest: Digest, open_blob: OpenBlob) -> Generator[bytes]:
    """All chunks of a blob. Raises BuildFailure before the last one if it is not what its digest says."""
    done = 0
    with _ours(digest), open_blob() as blob:
        # A store's reader that proves the whole blob itself need not be hashed a second time.
        sha256 = None if digest.hex == _UNNAMED or getattr(blob, "proves", None) == digest else hashlib.sha256()
        while chunk := _chunk(blob):
            done += len(chunk)
            if sha256:
                sha256.update(chunk)
            if done >= digest.size:
                break
            yield chunk
        surplus = blob.read(1) if done == digest.size else b""
    found = sha256.hexdigest() if sha256 else digest.hex
    if surplus or (found, done) != (digest.hex, digest.size):
        more = "more than " if surplus else ""
        raise BuildFailure(
            f"blob {digest} is damaged: expected {digest.size} bytes of that digest,"
            f" found {more}{done} bytes of sha256:{found}",
            hint="build the target again; nothing was tagged",
        )
    if chunk:
        yield chunk


def _chunk(blob: Reader) -> bytes:
    """A whole chunk, however small the pieces are in which the blob comes: a layer has a header for each file."""
    part = blob.read(CHUNK)
    if len(part) == CHUNK:
        return part
    parts, missing = [part], CHUNK - len(part)
    while part and missing and (part := blob.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


@contextmanager
def _ours(digest: Digest) -> Iterator[None]:
    """Told apart here: to whoever sends the body, an OSError of our disk would look like one of the network."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise EnvironmentFault(f"cannot read blob {digest} while pushing it: {why}") from error
