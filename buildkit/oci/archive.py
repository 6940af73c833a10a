"""An archive that `docker load` reads: config, uncompressed layers, `manifest.json`, as one tar.

In: an image's manifest and how to open blobs. Out: a file. Layers are uncompressed on the way, since older daemons know
no zstd, and each is checked against its diff id.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from buildkit.content import Kind
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.oci import tar
from buildkit.oci.compression import decompressed
from buildkit.oci.descriptor import LAYER, Descriptor
from buildkit.oci.document import canonical, parse_object
from buildkit.oci.layout import OpenBlob, read, reason
from buildkit.oci.manifest import Manifest


def write_archive(file: Path, manifest: Digest, open_blob: OpenBlob, *, name: str = "") -> None:
    """Write the image of `manifest` to `file`, which appears when it is whole; `name` is its `repository:tag`."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with partial.open("wb") as target:
            for chunk in _chunks(Manifest.from_json(read(manifest, open_blob)), open_blob, name):
                target.write(chunk)
        partial.rename(file)
    except OSError as error:
        raise EnvironmentFault(f"cannot write the archive '{file}': {reason(error)}") from error
    finally:
        partial.unlink(missing_ok=True)


def _chunks(manifest: Manifest, open_blob: OpenBlob, name: str) -> Iterator[bytes]:
    config = read(manifest.config.digest, open_blob)
    diff_ids = [str(text) for text in parse_object(config, "the image config")["rootfs"]["diff_ids"]]
    config_path = f"{manifest.config.digest.hex}.json"
    paths = [f"{diff_id.removeprefix('sha256:')}/layer.tar" for diff_id in diff_ids]
    yield from _file(config_path, config)
    written: set[str] = set()
    for descriptor, diff_id, path in zip(manifest.layers, diff_ids, paths, strict=True):
        if path not in written:
            written.add(path)
            yield from _layer(descriptor, diff_id, path, open_blob)
    image = {"Config": config_path, "RepoTags": [name] if name else [], "Layers": paths}
    yield from _file("manifest.json", canonical([image]))
    yield tar.END


def _file(path: str, data: bytes) -> Iterator[bytes]:
    yield tar.header(path, Kind.FILE, 0o644, len(data)) + data + tar.padding(len(data))


def _layer(descriptor: Descriptor, diff_id: str, path: str, open_blob: OpenBlob) -> Iterator[bytes]:
    size = _size(descriptor, open_blob)
    yield tar.header(path.rpartition("/")[0], Kind.DIRECTORY, 0o755)
    yield tar.header(path, Kind.FILE, 0o644, size)
    hasher = hashlib.sha256()
    with open_blob(descriptor.digest) as source:
        for chunk in decompressed(source, f"layer {descriptor.digest}"):
            hasher.update(chunk)
            yield chunk
    if f"sha256:{hasher.hexdigest()}" != diff_id:
        raise BuildFailure(f"layer {descriptor.digest} has diff id sha256:{hasher.hexdigest()}, expected {diff_id}")
    yield tar.padding(size)


def _size(descriptor: Descriptor, open_blob: OpenBlob) -> int:
    """The size of a layer's uncompressed tar, by reading it once more: a frame's own word covers only that frame."""
    if descriptor.media_type == LAYER:
        return descriptor.digest.size
    with open_blob(descriptor.digest) as source:
        return sum(map(len, decompressed(source, f"layer {descriptor.digest}")))
