"""An OCI image layout as one tar, which podman and skopeo read as `oci-archive:`.

In: images with their tags, and how to open blobs. Out: a file. Each blob is checked on its way; nothing but the tar
is written, and nothing that has to be held in memory but manifests.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from buildkit.content import Kind
from buildkit.digest import Digest
from buildkit.oci import tar
from buildkit.oci.appearing import new_file
from buildkit.oci.blobs import OpenBlob
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.index import Index
from buildkit.oci.layout import ABOUT, closure, tagged, verified


def write_layout_archive(file: Path, images: Sequence[tuple[Descriptor, str]], open_blob: OpenBlob) -> None:
    """Write (image or index, tag) pairs to `file`, which appears when it is whole. An empty tag is none."""
    with new_file(file, "OCI archive") as target, closing(_chunks(images, open_blob)) as chunks:
        for chunk in chunks:
            target.write(chunk)


def _chunks(images: Sequence[tuple[Descriptor, str]], open_blob: OpenBlob) -> Generator[bytes, None, None]:
    yield from _file("oci-layout", ABOUT)
    yield from _file("index.json", Index(tuple(tagged(root, tag) for root, tag in images)).to_json())
    for folder in ("blobs", "blobs/sha256"):
        yield tar.header(folder, Kind.DIRECTORY, 0o755)
    blobs = dict.fromkeys(digest for root, _ in images for digest in closure(root, open_blob))
    for digest in sorted(blobs):
        yield from _blob(digest, open_blob)
    yield tar.END


def _file(path: str, data: bytes) -> Iterator[bytes]:
    yield tar.header(path, Kind.FILE, 0o644, len(data)) + data + tar.padding(len(data))


def _blob(digest: Digest, open_blob: OpenBlob) -> Iterator[bytes]:
    yield tar.header(f"blobs/sha256/{digest.hex}", Kind.FILE, 0o644, digest.size)
    yield from verified(digest, open_blob)
    yield tar.padding(digest.size)
