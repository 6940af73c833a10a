"""Reading an image while a user watches.

In: an opened image and a listener. Out: a way to open its blobs that tells how far each is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from buildkit.digest import Digest
from buildkit.events import Listener, Progress
from buildkit.oci.blobs import OpenBlob
from buildkit.oci.compression import Readable
from buildkit.oci.image import OpenedImage


def told(listener: Listener, opened: OpenedImage) -> OpenBlob:
    """An image's blobs, each read's progress told."""
    return partial(_reading, listener, opened)


@contextmanager
def _reading(listener: Listener, opened: OpenedImage, digest: Digest) -> Iterator[Readable]:
    with opened.open_blob(digest) as reader:
        yield _Told(reader, listener, digest)


class _Told:
    """A reader whose progress is told."""

    def __init__(self, reader: Readable, listener: Listener, digest: Digest) -> None:
        self._reader = reader
        self._listener = listener
        self._digest = digest
        self._done = 0
        self.proves = getattr(reader, "proves", None)

    def read(self, size: int = -1, /) -> bytes:
        data = self._reader.read(size)
        self._done += len(data)
        self._listener(Progress(f"pull {self._digest}", self._done, self._digest.size))
        return data
