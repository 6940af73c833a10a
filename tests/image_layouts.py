"""Small images for tests: layers of (path, content) pairs, written as OCI layouts or kept in memory."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import CONFIG, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST, Descriptor
from buildkit.oci.document import canonical
from buildkit.oci.image import OpenedImage
from buildkit.oci.layout import write_layout

# A text or bytes is a file, None a folder, ("link", target) and ("hard", target) are links.
Content = str | bytes | None | tuple[str, str]
Files = Mapping[str, Content] | Sequence[tuple[str, Content]]


class Blobs(dict[Digest, bytes]):
    """Blobs in memory; `asked` is what was read of them: (digest, offset, bytes)."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Digest, int, int]] = []

    def add(self, data: bytes) -> Digest:
        self[Digest.of(data)] = data
        return Digest.of(data)

    def open(self, digest: Digest, /, offset: int = 0, length: int | None = None) -> io.BytesIO:
        if digest not in self:
            raise BuildFailure(f"no blob {digest}")
        data = self[digest][offset : None if length is None else offset + length]
        self.asked.append((digest, offset, len(data)))
        return io.BytesIO(data)


def layer_of(files: Files) -> bytes:
    """A tar as any archiver writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items() if isinstance(files, Mapping) else files:
            member = tarfile.TarInfo(path)
            data = content.encode() if isinstance(content, str) else content
            if data is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(data, tuple):
                member.type = tarfile.SYMTYPE if data[0] == "link" else tarfile.LNKTYPE
                member.linkname = data[1]
            else:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


def safetensors(tensors: Mapping[str, tuple[str, list[int], bytes]]) -> bytes:
    """A file of weights: dtype, shape and bytes by name."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@dataclass
class Made:
    """An image under construction; all parts may be changed before it is opened."""

    layers: Sequence[Files]
    compression: str = "none"
    config: dict[str, Any] = field(default_factory=dict)  # over what is sound
    manifest: dict[str, Any] = field(default_factory=dict)
    blobs: Blobs = field(default_factory=Blobs)
    architecture: str = "amd64"

    def root(self) -> Descriptor:
        """Write all into the blobs."""
        tars = [layer_of(files) for files in self.layers]
        shipped = [_compressed(tar, self.compression) for tar in tars]
        media_type = {"none": LAYER, "gzip": LAYER_GZIP, "zstd": LAYER_ZSTD}[self.compression]
        config = {
            "architecture": self.architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(tar)) for tar in tars]},
            "history": [
                {"created_by": f"mbuild: part {number}", "comment": f"because of {number}"}
                for number in range(1, len(tars) + 1)
            ],
        }
        document = canonical(config | self.config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": Descriptor(CONFIG, self.blobs.add(document)).to_data(),
            "layers": [Descriptor(media_type, self.blobs.add(layer)).to_data() for layer in shipped],
        }
        data = canonical(manifest | self.manifest)
        platform = (("architecture", self.architecture), ("os", "linux"))
        return Descriptor(MANIFEST, self.blobs.add(data), platform=platform)

    def opened(self, *, local: bool = True, name: str = "") -> OpenedImage:
        """As `commands/images.py` opens one."""
        root = self.root()
        return OpenedImage(root, self.blobs.open, name, local)

    def write(self, folder: Path, tag: str = "") -> str:
        """An OCI layout, by the name that the command line takes."""
        write_layout(folder, self.root(), self.blobs.open, tag=tag)
        return f"oci:{folder}"


def _compressed(data: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.compress(data, mtime=0)
    return zstandard.compress(data) if compression == "zstd" else data
