"""Zip archives of any origin → members with checked headers, and their contents, streamed.

In: the bytes of an archive (mapped into memory or read). Out: `Member`s in the order of their names, and each one's
content in chunks. Raises BuildFailure, which names archive and member, for anything that a plain archive of files does
not hold: unsafe or repeated names, symlinks, encryption, overlapping members, sizes that are lies.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from mmap import mmap

from isal import isal_zlib

from buildkit.content import check_path, is_bomb
from buildkit.errors import BuildFailure
from buildkit.oci.gzip_members import Chunk, Deflated
from buildkit.records import dataclass

_LOCAL = 30  # bytes of a member's own header, without its name
_UTF8, _ENCRYPTED = 0x800, 0x1
_LONGEST_NAME = 4096  # Linux opens none that is longer; and each folder above a file is met by itself
_CHUNK = 1 << 22
_PACKED = 1 << 18  # what one step inflates: its output mostly fits in a chunk

Buffer = bytes | mmap


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: `start` and `packed` say where its compressed bytes lie."""

    path: str
    size: int
    executable: bool
    deflated: bool
    start: int
    packed: int


def members(archive: Buffer, what: str) -> tuple[Member, ...]:
    """The files of a zip archive; `what` names it in errors. Directories are left out."""
    try:
        with zipfile.ZipFile(_Window(archive)) as opened:
            infos = opened.infolist()
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, struct.error) as error:
        raise BuildFailure(f"{what} is not a zip archive that can be read: {error}") from None
    found = [_member(archive, info, what) for info in infos if not _is_directory(info, what)]
    _refuse_repeated(found, what)
    _refuse_overlapping(found, what)
    total = sum(member.size for member in found)
    if is_bomb(len(archive), total):
        raise BuildFailure(f"{what} is a bomb: its {len(archive)} bytes declare to unfold to {total}")
    return tuple(sorted(found, key=lambda member: member.path.encode()))


def content(archive: Buffer, member: Member, what: str) -> Iterator[Chunk]:
    """A member's bytes in chunks, never more than it declares; what is compressed comes with its deflate stream."""
    if not member.deflated:
        for start in range(member.start, member.start + member.packed, _CHUNK):
            yield archive[start : min(start + _CHUNK, member.start + member.packed)]
        return
    seen = 0
    for part in _inflated(archive, member, what):
        seen += len(part.data)
        if seen > member.size:
            raise BuildFailure(f"{what}: '{member.path}' is longer than the {member.size} bytes that it declares")
        if part.last and seen != member.size:
            raise BuildFailure(f"{what}: '{member.path}' has {seen} bytes, but declares {member.size}")
        yield part


def _inflated(archive: Buffer, member: Member, what: str) -> Iterator[Deflated]:
    # ISA-L inflates in half of zlib's time; what comes out is the same, so no digest knows of it.
    decoder = isal_zlib.decompressobj(-15)
    end = member.start + member.packed
    position = member.start
    pending = b""
    try:
        while not decoder.eof:
            packed = b""
            if not pending:
                packed = pending = archive[position : min(position + _PACKED, end)]
                position += len(packed)
            # One byte more than declared shows a bomb before it goes off.
            data = decoder.decompress(pending, min(member.size + 1, _CHUNK))
            pending = decoder.unconsumed_tail
            if not (data or packed or decoder.eof):  # not before: a decoder that has read all may have more to say
                break
            whole = decoder.eof and not (decoder.unused_data or pending) and position == end
            yield Deflated(data, packed, last=whole)
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub takes the class for an instance
        raise BuildFailure(f"{what}: '{member.path}' is damaged: {error}") from None
    if not decoder.eof or decoder.unused_data or pending or position < end:
        raise BuildFailure(f"{what}: '{member.path}' is damaged: its compressed stream does not end where it should")


class _Window(io.RawIOBase):
    """A read-only file over a buffer, without a copy of it."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._position, len(self._buffer))[whence]
        if start + offset < 0:
            raise OSError("seek before the start")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        end = len(self._buffer) if size is None or size < 0 else self._position + size
        data = self._buffer[self._position : end]
        self._position += len(data)
        return data


def _is_directory(info: zipfile.ZipInfo, what: str) -> bool:
    if not info.orig_filename.endswith("/"):
        return False
    _check_name(info.orig_filename.removesuffix("/"), what)
    return True


def _check_name(name: str, what: str) -> None:
    if len(name) > _LONGEST_NAME:
        raise BuildFailure(f"{what}: a member's name has {len(name)} characters: {name[:60]!r}…")
    try:
        check_path(name)
    except BuildFailure:
        raise BuildFailure(f"{what}: member {name!r} has an unsafe name: it would leave its folder") from None
    if "\\" in name:
        raise BuildFailure(f"{what}: member {name!r} has an unsafe name: it holds a backslash")


def _member(archive: Buffer, info: zipfile.ZipInfo, what: str) -> Member:
    name = info.orig_filename
    _check_name(name, what)
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        kind = "a symlink" if stat.S_ISLNK(mode) else "a special file"
        raise BuildFailure(f"{what}: member '{name}' is {kind}: only files and directories are allowed")
    if info.flag_bits & _ENCRYPTED:
        raise BuildFailure(f"{what}: member '{name}' is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BuildFailure(f"{what}: member '{name}' has compression method {info.compress_type}: expected 0 or 8")
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    if not deflated and info.compress_size != info.file_size:
        raise BuildFailure(f"{what}: '{name}' has {info.compress_size} bytes, but declares {info.file_size}")
    start = _start(archive, info, what)
    return Member(name, info.file_size, bool(mode & 0o111), deflated, start, info.compress_size)


def _start(archive: Buffer, info: zipfile.ZipInfo, what: str) -> int:
    """Where a member's data lies; its own header must tell the same name as the archive's directory."""
    at = info.header_offset
    head = archive[at : at + _LOCAL] if at >= 0 else b""
    if len(head) < _LOCAL or not head.startswith(b"PK\3\4"):
        raise BuildFailure(f"{what}: member '{info.orig_filename}' is damaged: no header at byte {at}")
    name_length, extra_length = struct.unpack("<HH", head[26:30])
    name_end = at + _LOCAL + name_length
    encoding = "utf-8" if info.flag_bits & _UTF8 else "cp437"
    if archive[at + _LOCAL : name_end] != info.orig_filename.encode(encoding):
        raise BuildFailure(f"{what}: member '{info.orig_filename}' has another name in its own header")
    start: int = name_end + extra_length
    if start + info.compress_size > len(archive):
        raise BuildFailure(f"{what}: member '{info.orig_filename}' reaches beyond the archive's end")
    return start


def _refuse_repeated(found: Iterable[Member], what: str) -> None:
    seen: set[str] = set()
    for member in found:
        if member.path in seen:
            raise BuildFailure(f"{what}: member '{member.path}' is there twice")
        seen.add(member.path)


def _refuse_overlapping(found: Iterable[Member], what: str) -> None:
    # Members that share compressed bytes make an archive of 42 kB unfold into petabytes.
    end = 0
    for member in sorted(found, key=lambda member: member.start):
        if member.start < end:
            raise BuildFailure(f"{what}: member '{member.path}' overlaps another")
        end = member.start + member.packed
