"""A blob as the body of a request.

In: a digest and a way to open the blob. Out: its bytes in chunks, from the beginning each time it is iterated, so that
a request can be sent again; the last chunk leaves only after all bytes were found to be those of the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.registry.registry import Moved, OpenBlob, Reader

CHUNK = 1 << 20


class BlobBody:
    """An iterable with a length: `requests` sends such a body with a Content-Length and in flat memory."""

    def __init__(self, digest: Digest, open_blob: OpenBlob, moved: Moved) -> None:
        self.digest = self._digest = digest
        self._open = open_blob
        self._moved = moved

    def __len__(self) -> int:
        return self._digest.size

    def __iter__(self) -> Iterator[bytes]:
        sha256, sent, held = hashlib.sha256(), 0, b""
        self._moved(0)
        with _ours(self._digest), self._open() as blob:
            while chunk := _chunk(blob):
                sha256.update(chunk)
                if held:
                    yield held
                    sent += len(held)
                    self._moved(sent)
                held = chunk
        self._check(sha256.hexdigest(), sent + len(held))
        if held:
            yield held
            self._moved(sent + len(held))

    def _check(self, hex: str, size: int) -> None:
        if hex != self._digest.hex or size != self._digest.size:
            raise BuildFailure(
                f"blob {self._digest} is damaged: expected {self._digest.size} bytes of that digest,"
                f" found {size} bytes of sha256:{hex}",
                hint="build the target again; nothing was tagged",
            )


def _chunk(blob: Reader) -> bytes:
    """A whole chunk, however small the pieces are in which the blob comes: a layer has a header for each file."""
    parts, missing = [], CHUNK
    while missing and (part := blob.read(missing)):
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
