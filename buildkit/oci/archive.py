"""An archive that `docker load` reads: config, uncompressed layers, `manifest.json`, as one tar.

In: an image's manifest and how to open blobs. Out: a file. Layers are uncompressed on the way, since older daemons know
no zstd, and each is checked against its diff id. How long a compressed one is, is known when it has passed: its header
is written again then, so that it is uncompressed once and never held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from buildkit.content import Kind
from buildkit.errors import BuildError, BuildFailure
from buildkit.oci import tar
from buildkit.oci.appearing import new_file
from buildkit.oci.blobs import OpenBlob, check_at_hand, read_document
from buildkit.oci.compression import decompressed
from buildkit.oci.descriptor import CONFIG, DOCKER_CONFIG, LAYER, Descriptor
from buildkit.oci.document import canonical, parse_object
from buildkit.oci.image import image_for
from buildkit.oci.manifest import Manifest


def write_archive(file: Path, root: Descriptor, open_blob: OpenBlob, *, name: str = "", platform: str = "") -> None:
    """Write an image, of an index the one for `platform`, to `file`, which appears when it is whole.

    `name` is its `repository:tag`. Raises as `image_to_unpack` does.
    """
    image, config, ids = image_to_unpack(root, open_blob, platform)
    config_path = f"{image.config.digest.hex}.json"
    paths = [f"{diff_id.removeprefix('sha256:')}/layer.tar" for diff_id in ids]
    with new_file(file, "archive") as target:
        _file(target, config_path, config)
        written: set[str] = set()
        for descriptor, diff_id, path in zip(image.layers, ids, paths, strict=True):
            if path not in written:
                written.add(path)
                _layer(target, path, descriptor, diff_id, open_blob)
        described = {"Config": config_path, "RepoTags": [name] if name else [], "Layers": paths}
        _file(target, "manifest.json", canonical([described]))
        target.write(tar.END)


def image_to_unpack(root: Descriptor, open_blob: OpenBlob, platform: str = "") -> tuple[Manifest, bytes, list[str]]:
    """An image, of an index the one for `platform`: manifest, config, and the diff ids, one for each layer.

    Raises BuildError where the index has none for it, and for an artifact; BuildFailure for what is no image, or has
    layers that stay at their URLs.
    """
    found = image_for(root, open_blob, platform)
    image = Manifest.from_json(read_document(found.digest, open_blob, "manifest"))
    config = image.config
    if config.media_type not in (CONFIG, DOCKER_CONFIG):
        raise BuildError(
            f"an artifact of {(image.artifact_type or config.media_type)!r} has no root file system",
            hint="write it as 'oci:DIR' or 'oci-archive:FILE'",
        )
    document = read_document(config.digest, open_blob, "config")
    ids = _diff_ids(parse_object(document, "the image config"))
    if ids is None:
        raise BuildFailure(f"{config.digest} is not the config of an image: it has no 'rootfs' with 'diff_ids'")
    if len(ids) != len(image.layers):
        raise BuildFailure(f"the image has {len(image.layers)} layers, but its config names {len(ids)}")
    for layer in image.layers:
        check_at_hand(layer, open_blob)
    return image, document, ids


def _diff_ids(config: dict[str, Any]) -> list[str] | None:
    rootfs = config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        return None
    return found


def layer_chunks(descriptor: Descriptor, diff_id: str, open_blob: OpenBlob) -> Generator[bytes, None, None]:
    """The uncompressed tar of a layer. Raises BuildFailure at its end if it is not the one of `diff_id`."""
    hasher = hashlib.sha256()
    with open_blob(descriptor.digest) as source:
        for chunk in decompressed(source, f"layer {descriptor.digest}"):
            hasher.update(chunk)
            yield chunk
    if f"sha256:{hasher.hexdigest()}" != diff_id:
        raise BuildFailure(f"layer {descriptor.digest} has diff id sha256:{hasher.hexdigest()}, expected {diff_id}")


def _file(target: BinaryIO, path: str, data: bytes) -> None:
    target.write(tar.header(path, Kind.FILE, 0o644, len(data)) + data + tar.padding(len(data)))


def _layer(target: BinaryIO, path: str, descriptor: Descriptor, diff_id: str, open_blob: OpenBlob) -> None:
    target.write(tar.header(path.rpartition("/")[0], Kind.DIRECTORY, 0o755))
    place = target.tell()
    expected = descriptor.digest.size if descriptor.media_type == LAYER else 0
    size = _entry(target, path, expected, layer_chunks(descriptor, diff_id, open_blob))
    header = tar.header(path, Kind.FILE, 0o644, size)
    if len(header) != len(tar.header(path, Kind.FILE, 0o644, expected)):
        # 8 GiB and more take a longer header than the one that room was left for: once more, with that.
        target.seek(place)
        target.truncate()
        _entry(target, path, size, layer_chunks(descriptor, diff_id, open_blob))
    elif size != expected:
        target.seek(place)
        target.write(header)
        target.seek(0, 2)


def _entry(target: BinaryIO, path: str, expected: int, chunks: Iterator[bytes]) -> int:
    """Write a file's entry; gives its real size."""
    target.write(tar.header(path, Kind.FILE, 0o644, expected))
    size = 0
    for chunk in chunks:
        size += len(chunk)
        target.write(chunk)
    target.write(tar.padding(size))
    return size
