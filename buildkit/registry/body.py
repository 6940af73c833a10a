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


class BlobBody:
    """The blob's bytes, read once from front to end as long as the windows that are asked for follow each other.

    Where only their number is known yet, and not their digest, they are counted and not hashed.
    """

    def __init__(self, blob: Digest | int, open_blob: OpenBlob, moved: Moved) -> None:
        self.digest = blob if isinstance(blob, Digest) else None
        self.size = blob if isinstance(blob, int) else blob.size
        self.position = 0  # bytes handed out so far
        self._open = open_blob
        self._moved = moved
        self._chunks: Generator[bytes] | Ahead | None = None
        self._rest = b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.window(0, self.size))

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
            chunks = _verified(self.digest, self.size, self._open)
            self._chunks = Ahead(chunks) if self.size > _SMALL else chunks
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


def _verified(digest: Digest | None, size: int, open_blob: OpenBlob) -> Generator[bytes]:
    """All chunks of a blob. Raises BuildFailure before the last one if it is not what its digest says."""
    done, name = 0, f"blob {digest}" if digest else f"a blob of {size} bytes"
    with _ours(name), open_blob() as blob:
        # A store's reader that proves the whole blob itself need not be hashed a second time.
        sha256 = None if digest is None or getattr(blob, "proves", None) == digest else hashlib.sha256()
        while chunk := _chunk(blob):
            done += len(chunk)
            if sha256:
                sha256.update(chunk)
            if done >= size:
                break
            yield chunk
        surplus = blob.read(1) if done == size else b""
    found = f"sha256:{sha256.hexdigest()}" if sha256 else str(digest)
    if surplus or done != size or found != str(digest):
        more = "more than " if surplus else ""
        raise BuildFailure(
            f"{name} is damaged: expected {size} bytes of that digest, found {more}{done} bytes of {found}",
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
def _ours(name: str) -> Iterator[None]:
    """Told apart here: to whoever sends the body, an OSError of our disk would look like one of the network."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise EnvironmentFault(f"cannot read {name} while pushing it: {why}") from error
