"""A Debian package → its control fields, and its files as an uncompressed tar.

In: the bytes of a .deb, read from front to end, and where to spool. Out: `Package`. (deb(5): an `ar` archive of
`debian-binary`, `control.tar*`, `data.tar*`.) Raises BuildFailure, which names the package's file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from buildkit.errors import BuildFailure
from buildkit.oci.compression import decompressed
from buildkit.oci.tar_reader import Type, members
from buildkit.records import dataclass
from buildkit.store.faults import writing

_MAGIC = b"!<arch>\n"
_HEADER = 60
_CHUNK = 1 << 20
_LONGEST_CONTROL = 1 << 22
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its name, its control stanza, and the spooled tar of its files."""

    name: str
    control: str
    files: Path


def read(source: BinaryIO, what: str, scratch: Path) -> Package:
    """Read a package; `what` names it in errors, `scratch` is a folder of its own."""
    scratch.mkdir()
    control: str | None = None
    files: Path | None = None
    if source.read(len(_MAGIC)) != _MAGIC:
        raise BuildFailure(f"{what} is not a Debian package: expected an ar archive")
    for name, part in _parts(source, what):
        stem = name.partition(".tar")[0]
        if name == "debian-binary" and not part.read(4).startswith(b"2."):
            raise BuildFailure(f"{what}: its package format is not known: expected 2.x")
        if stem == "control" and control is None:
            spooled = spool(decompressed(part, f"{what}: {name}"), scratch / "control.tar")
            control = _control(spooled, what)
        if stem == "data" and files is None:
            files = spool(decompressed(part, f"{what}: {name}"), scratch / "data.tar")
    if control is None or files is None:
        missing = "control.tar" if control is None else "data.tar"
        raise BuildFailure(f"{what} is not a whole Debian package: '{missing}' is missing")
    package = _field(control, "Package", what)
    if not _PACKAGE.fullmatch(package):
        raise BuildFailure(f"{what}: its control file names the package '{package}', which no package can be called")
    return Package(package, control, files)


def spool(chunks: Iterator[bytes], file: Path) -> Path:
    """Write chunks to a scratch file."""
    with writing("an unpacked archive", file.parent), file.open("wb") as target:
        for chunk in chunks:
            target.write(chunk)
    return file


class Part:
    """A member of an ar archive, as a stream."""

    def __init__(self, source: BinaryIO, size: int, what: str) -> None:
        self._source = source
        self._left = size
        self._what = what

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; a member that is cut off is a BuildFailure."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._source.read(wanted) if wanted else b""
        if wanted and not data:
            raise BuildFailure(f"{self._what} is damaged: a member claims {self._left} bytes more than are left")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Read what nobody wanted."""
        while self.read(_CHUNK):
            pass


def _parts(source: BinaryIO, what: str) -> Iterator[tuple[str, Part]]:
    while header := source.read(_HEADER):
        size = header[48:58].strip()
        if len(header) < _HEADER or header[58:] != b"`\n" or not size.isdigit():
            raise BuildFailure(f"{what} is damaged: expected the header of an ar member")
        part = Part(source, int(size), what)
        yield header[:16].decode("ascii", "replace").rstrip().rstrip("/"), part
        part.skip()
        if int(size) % 2:
            source.read(1)


def _control(archive: Path, what: str) -> str:
    with archive.open("rb") as opened:
        for member in members(opened, what):
            if member.path.removeprefix("./") == "control" and member.type is Type.FILE:
                if member.size > _LONGEST_CONTROL:
                    raise BuildFailure(f"{what}: its control file has {member.size} bytes: no package's is so long")
                opened.seek(member.offset)
                return _text(opened.read(member.size), what)
    raise BuildFailure(f"{what} has no control file")


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode().strip("\n") + "\n"
    except UnicodeDecodeError:
        raise BuildFailure(f"{what}: its control file is not valid UTF-8") from None


def _field(control: str, name: str, what: str) -> str:
    for line in control.splitlines():
        key, _, value = line.partition(":")
        if key.lower() == name.lower() and value.strip():
            return value.strip()
    raise BuildFailure(f"{what}: its control file has no field '{name}'")
