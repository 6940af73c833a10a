"""Indexes that name each other without end, and writers that meet in one layout."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import CONFIG, INDEX, MANIFEST, Descriptor
from buildkit.oci.index import Index
from buildkit.oci.layout import closure, write_layout
from buildkit.oci.layout_reader import LayoutReader
from buildkit.oci.manifest import Manifest


class Blobs(dict[Digest, bytes]):
    opened = 0

    def add(self, data: bytes) -> Digest:
        self[Digest.of(data)] = data
        return Digest.of(data)

    def open(self, digest: Digest) -> io.BytesIO:
        self.opened += 1
        return io.BytesIO(self[digest])

    def image(self, config: bytes = b"{}") -> Descriptor:
        manifest = Manifest(Descriptor(CONFIG, self.add(config)), ())
        return Descriptor(MANIFEST, self.add(manifest.to_json()))

    def wrapped(self, child: Descriptor, times: int) -> Descriptor:
        return Descriptor(INDEX, self.add(Index((child,) * times).to_json()))


def test_indexes_that_name_the_same_many_times_are_read_once() -> None:
    blobs = Blobs()
    root = blobs.image()
    for _ in range(4):
        root = blobs.wrapped(root, 1000)
    assert len(list(closure(root, blobs.open))) == 6
    assert blobs.opened == 5


def test_indexes_nested_too_deep_are_refused() -> None:
    blobs = Blobs()
    root = blobs.image()
    for _ in range(6):
        root = blobs.wrapped(root, 1)
    with pytest.raises(BuildFailure, match="is nested too deep: mbuild reads 4 indexes in a row"):
        list(closure(root, blobs.open))


def test_writers_that_meet_in_one_layout_lose_no_tag(tmp_path: Path) -> None:
    blobs = Blobs()
    images = [blobs.image(b"%d" % number) for number in range(6)]
    writers = []
    for number, image in enumerate(images):
        writers.append(os.fork())
        if writers[-1] == 0:
            try:
                write_layout(tmp_path, image, blobs.open, tag=f"t{number}")
            finally:
                os._exit(0)
    for writer in writers:
        os.waitpid(writer, 0)
    reader = LayoutReader(tmp_path)
    assert [reader.root(f"t{number}").digest for number in range(6)] == [image.digest for image in images]
