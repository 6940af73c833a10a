"""What layers of wheels cost at the least: their libraries' work, and none of mbuild's.

In: a list that `write_index` made of where the files of wheels begin. Done: every file inflated and hashed, as RECORD
asks for; the bytes hashed as a layer's are, compressed with zstd -3, and hashed again; by as many forked processes as
there are cores, which share nothing. No archive is read or made, nothing is compared and nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard
from isal import isal_zlib

_HEADER = 30  # bytes of a local file header before its name (APPNOTE 4.3.7)


def write_index(wheels: Iterable[Path], index: Path) -> None:
    """Write down where each member's bytes are: path of the wheel, and (offset, bytes there, bytes inflated)."""
    index.write_text(json.dumps([[str(wheel), list(_members(wheel))] for wheel in wheels]))


def _members(wheel: Path) -> Iterator[tuple[int, int, int]]:
    with zipfile.ZipFile(wheel) as archive, wheel.open("rb") as file:
        for member in archive.infolist():
            file.seek(member.header_offset)
            header = file.read(_HEADER)
            names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
            inflated = member.file_size if member.compress_type else -1
            yield member.header_offset + _HEADER + names, member.compress_size, inflated


def main() -> None:
    """Do the work of the list that argv names."""
    wheels = json.loads(Path(sys.argv[1]).read_text())
    wheels.sort(key=lambda wheel: -sum(member[1] for member in wheel[1]))
    reading, writing = os.pipe()
    os.write(writing, bytes(range(len(wheels))))
    os.close(writing)
    children = []
    for _ in range(len(os.sched_getaffinity(0))):
        child = os.fork()
        if not child:
            while taken := os.read(reading, 1):
                _work(*wheels[taken[0]])
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def _work(wheel: str, members: list[tuple[int, int, int]]) -> None:
    layer, blob = hashlib.sha256(), hashlib.sha256()
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    with open(wheel, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # noqa: PTH123
        for start, packed, inflated in members:
            content = data[start : start + packed]
            if inflated >= 0:
                content = isal_zlib.decompress(content, -15, inflated or 1)
            hashlib.sha256(content).digest()
            layer.update(content)
            blob.update(compressor.compress(content))
    blob.update(compressor.flush())
    layer.digest(), blob.digest()


if __name__ == "__main__":
    main()
