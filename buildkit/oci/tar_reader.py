"""Tar archives of any origin → members with checked headers, and where their contents lie.

In: an uncompressed tar (ustar, GNU or PAX), whose bytes are asked for in their order. Out: `Member`s in the archive's
order, each before its content is read. Nothing is extracted, and paths are as the archive gives them: who reads decides
what they may be. Raises BuildFailure, which names the archive, for damaged, truncated or lying headers, sparse files
and unknown types.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from buildkit.errors import BuildFailure
from buildkit.records import dataclass

_BLOCK = 512
_LAST_SECOND = 1 << 33
_LONGEST_RECORD = 1 << 20  # of a long name or of PAX records
_LONGEST_PATH = 4096  # Linux opens none that is longer; and each folder above a path is met by itself
_DIGITS = 20
_SPARSE = "GNU.sparse"


class Archive(Protocol):
    """What holds a tar: a file, or a stream (`Onward`)."""

    def read(self, size: int, /) -> bytes:
        """As many bytes, or all that are left."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Go to an offset, which is never before the last member's header."""


class Type(StrEnum):
    """What a member is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARD_LINK = "hard link"
    DEVICE = "device or pipe"


@dataclass(frozen=True, slots=True)
class Member:
    """One member: `offset` and `size` say where a file's content lies; `target` is a link's text."""

    path: str
    type: Type
    mode: int
    size: int = 0
    offset: int = 0
    target: str = ""
    mtime: int = 0


_TYPES = {
    b"0": Type.FILE,
    b"\0": Type.FILE,
    b"7": Type.FILE,
    b"1": Type.HARD_LINK,
    b"2": Type.SYMLINK,
    b"3": Type.DEVICE,
    b"4": Type.DEVICE,
    b"5": Type.DIRECTORY,
    b"6": Type.DEVICE,
}


def members(archive: Archive, what: str) -> Iterator[Member]:
    """The members of a tar; `what` names it in errors."""
    end = archive.seek(0, os.SEEK_END)
    position = 0
    extended: dict[str, str] = {}
    for_all: dict[str, str] = {}
    while block := _block(archive, position, end, what):
        kind = block[156:157]
        size = _number(block[124:136], what)
        position += _BLOCK
        if kind not in b"xgLK":
            member = _member(block, for_all | extended, size, position, what)
            size = member.size
            extended = {}
            yield member
        if size > end - position:
            raise BuildFailure(f"{what} is damaged: a member claims {size} bytes, but {end - position} are left")
        if kind in b"xgLK":
            found = _extension(archive, kind, position, size, what)
            (for_all if kind == b"g" else extended).update(found)
        position += size + -size % _BLOCK


def _block(archive: Archive, position: int, end: int, what: str) -> bytes:
    """The header at `position`, or nothing at the archive's end."""
    archive.seek(position)
    block = archive.read(_BLOCK)
    if len(block) < _BLOCK:
        if block or position == 0:
            raise BuildFailure(f"{what} is damaged: expected a tar header at byte {position}")
        return b""
    if not block.strip(b"\0"):
        return b""
    if _number(block[148:156], what) != sum(block[:148]) + sum(block[156:]) + 8 * 32:
        raise BuildFailure(f"{what} is damaged: the tar header at byte {position} fails its checksum")
    return block


def _member(block: bytes, extended: dict[str, str], size: int, position: int, what: str) -> Member:
    name = _text(block[:100], what)
    if block[257:263] == b"ustar\0" and block[345] and "path" not in extended:
        name = f"{_text(block[345:500], what)}/{name}"
    path = extended.get("path", name)
    if _SPARSE in extended:
        raise BuildFailure(f"{what}: '{path}' is a sparse file, which is not supported")
    kind = _TYPES.get(block[156:157])
    if kind is None:
        raise BuildFailure(f"{what}: '{path}' has the unknown type {_shown(block[156:157])}")
    if kind is Type.FILE and path.endswith("/"):
        kind = Type.DIRECTORY  # pre-POSIX archives
    size = _decimal(extended["size"], what) if "size" in extended else size
    target = extended.get("linkpath", _text(block[157:257], what))
    for text in (path, target):
        if len(text) > _LONGEST_PATH:
            raise BuildFailure(f"{what} holds a path of {len(text)} characters: {text[:60]!r}…")
    # Only files have content; some writers give links the size of their target.
    mode, content = _number(block[100:108], what) & 0o7777, size if kind is Type.FILE else 0
    return Member(path, kind, mode, content, position, target, _time(block[136:148], extended.get("mtime"), what))


def _extension(archive: Archive, kind: bytes, position: int, size: int, what: str) -> dict[str, str]:
    if size > _LONGEST_RECORD:
        raise BuildFailure(f"{what} is damaged: an extended header claims {size} bytes")
    archive.seek(position)
    data = archive.read(size)
    if kind in b"LK":
        return {"path" if kind == b"L" else "linkpath": _text(data, what)}
    return dict(_pax(data, what))


def _pax(data: bytes, what: str) -> Iterator[tuple[str, str]]:
    start, end = 0, len(data.rstrip(b"\0"))
    while start < end:
        space = data.find(b" ", start, start + _DIGITS)
        length = _decimal(data[start:space].decode("ascii", "replace"), what) if space > 0 else 0
        last = start + length - 1
        key, equals, value = data[space + 1 : last].partition(b"=") if length else (b"", b"", b"")
        if not equals or data[last : last + 1] != b"\n":
            raise BuildFailure(f"{what} is damaged: a PAX record is not 'length key=value'")
        if key in (b"path", b"linkpath", b"size", b"mtime"):
            yield key.decode(), _text(value, what)
        elif key.startswith(_SPARSE.encode()):
            yield _SPARSE, ""  # there are many such keys, and one is enough
        start = last + 1


def _number(field: bytes, what: str) -> int:
    if field[0] & 0x80:  # GNU base-256
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0") or b"0"
    if digits.strip(b"01234567"):  # `int` alone would take signs and underscores
        raise BuildFailure(f"{what} is damaged: a tar header holds {_shown(field)} where a number belongs")
    return int(digits, 8)


def _shown(field: bytes) -> str:
    """Bytes as a person reads them, in quotes."""
    return repr(field)[1:]


def _time(field: bytes, extended: str | None, what: str) -> int:
    """Whole seconds; what no file system takes counts as 0."""
    if extended is None:
        seconds = _number(field, what)
    else:
        digits = extended.partition(".")[0]
        seconds = _decimal(digits, what) if digits and not digits.startswith("-") else 0
    return seconds if seconds < _LAST_SECOND else 0


def _decimal(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        raise BuildFailure(f"{what} is damaged: a PAX record holds {text[:60]!r} where a number belongs")
    return int(text)


def _text(field: bytes, what: str) -> str:
    raw = field.split(b"\0", 1)[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BuildFailure(f"{what}: the name {_shown(raw[:200])} is not valid UTF-8") from None
