"""Indexes that name each other without end, and writers that meet in one layout."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor
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


def test_more_manifests_than_any_image_has_are_refused() -> None:
    blobs = Blobs()
    images = tuple(blobs.image(b"%d" % number) for number in range(1001))
    root = Descriptor(INDEX, blobs.add(Index(images).to_json()))
    with pytest.raises(BuildFailure, match="an image of more than 1000 manifests is none: refused at sha256:"):
        list(closure(root, blobs.open))
    assert blobs.opened <= 1001


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_layers_that_may_not_be_handed_on_are_not_looked_for(tmp_path: Path, kind: str) -> None:
    blobs = Blobs()
    config, elsewhere = blobs.add(b"{}"), Digest.of(b"a layer that nobody has but its owner")
    layers = (Descriptor(kind, elsewhere), Descriptor(LAYER, blobs.add(b"ours")))
    root = Descriptor(MANIFEST, blobs.add(Manifest(Descriptor(CONFIG, config), layers).to_json()))
    write_layout(tmp_path, root, blobs.open, tag="v1")
    found = {path.name for path in (tmp_path / "blobs" / "sha256").iterdir()}
    assert found == {config.hex, Digest.of(b"ours").hex, root.digest.hex}


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
