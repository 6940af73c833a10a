"""The tar format that mbuild writes: a `Tree` → bytes that depend on the tree and on nothing else.

In: entries, or a whole `Tree`. Out: header bytes, a `Recipe` (headers inline, contents as slices of
blobs), or a stream.

The rules, which `FORMAT` numbers: ustar headers; a PAX header only for what ustar cannot express, with the keys
`linkpath`, `path`, `size` alone; owner 0:0 without names; time 0; entries in the tree's order; two zero blocks at the
end and no padding to a record. Python's `tarfile` is no authority here: it writes other bytes from one version to
the next.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sized
from typing import BinaryIO, TypeVar

from buildkit.content import Entry, Inline, Kind, Recipe, Slice, Tree, check_path
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, InternalError

FORMAT = 2
BLOCK = 512
END = bytes(2 * BLOCK)
CHUNK = 1 << 20

C = TypeVar("C", bound=Sized)

_NAME, _PREFIX, _LINK = 100, 155, 100
_LONGEST = 255  # bytes of a name, on every usual filesystem
_LARGEST = 8**11 - 1  # eleven octal digits: one byte short of 8 GiB
_TYPES = {Kind.FILE: b"0", Kind.DIRECTORY: b"5", Kind.SYMLINK: b"2"}


def header(path: str, kind: Kind, mode: int, size: int = 0, target: str = "") -> bytes:
    """The blocks before an entry's content. Raises BuildFailure for a path or target that a layer must not hold."""
    _check(path)
    if kind is Kind.SYMLINK:
        _check_target(path, target)
    name = path.encode() + (b"/" if kind is Kind.DIRECTORY else b"")
    link = target.encode()
    split = _split(name)
    records = _records(name if split is None else b"", link if _extended(link, _LINK) else b"", size)
    prefix, short = split or (b"", _cut(name, _NAME))
    block = _ustar(short, prefix, _TYPES[kind], stat.S_IMODE(mode), min(size, _LARGEST), _cut(link, _LINK))
    if not records:
        return block
    return _ustar(b"././@PaxHeader", b"", b"x", 0o644, len(records), b"") + records + padding(len(records)) + block


def _check(path: str) -> None:
    check_path(path)
    if path.startswith(".wh.") or "/.wh." in path:
        # image-spec layer.md: the prefix marks a whiteout, so such a file would delete another.
        raise BuildFailure(f"'{path}' cannot be in a layer: names that start with '.wh.' are reserved for whiteouts")
    if len(path) > _LONGEST // 4 and (length := max(len(name.encode()) for name in path.split("/"))) > _LONGEST:
        raise BuildFailure(f"'{path}' cannot be in a layer: a name in it has {length} bytes, Linux takes {_LONGEST}")


def _check_target(path: str, target: str) -> None:
    if not target or "\0" in target:
        raise BuildFailure(f"'{path}' cannot be in a layer: it is a symlink to {target!r}, which no system can make")
    try:
        target.encode()
    except UnicodeEncodeError:
        raise BuildFailure(f"'{path}' cannot be in a layer: its target {target!r} is not valid UTF-8") from None


def entry_header(entry: Entry) -> bytes:
    """The header of a tree's entry."""
    size = entry.digest.size if entry.digest else 0
    return header(entry.path, entry.kind, entry.mode, size, entry.target or "")


def padding(size: int) -> bytes:
    """The zeros that fill content of `size` bytes up to a whole block."""
    return bytes(-size % BLOCK)


def recipe(tree: Tree) -> Recipe:
    """The tar of a tree: headers and padding that meet are one inline segment, each content a slice of its blob."""
    segments: list[Inline | Slice] = []
    inline = bytearray()
    for entry in tree.entries:
        inline += entry_header(entry)
        if entry.digest and entry.digest.size:
            segments += [Inline(bytes(inline)), Slice(entry.digest, 0, entry.digest.size)]
            inline = bytearray(padding(entry.digest.size))
    segments.append(Inline(bytes(inline + END)))
    return Recipe(tuple(segments))


class Layout:
    """The tar of a tree whose contents come from elsewhere; of a file's digest, only the size must be known.

    `size` is the length of the tar, before any content is read.
    """

    def __init__(self, tree: Tree) -> None:
        self._parts = [(entry, entry_header(entry)) for entry in tree.entries]
        contents = sum(size + -size % BLOCK for size in (entry.digest.size for entry in tree.entries if entry.digest))
        self.size = sum(len(head) for _, head in self._parts) + contents + len(END)

    def chunks(self, content: Callable[[Entry], Iterator[C]]) -> Iterator[bytes | C]:
        """The bytes of the tar; `content` gives those of each file. InternalError if they are not as many as said.

        What `content` gives may be more than bytes, if its length is that of the bytes it stands for.
        """
        for entry, head in self._parts:
            yield head
            if entry.digest:
                yield from _exactly(entry.digest.size, content(entry), entry.path)
        yield END


def _exactly(size: int, chunks: Iterator[C], path: str) -> Iterator[bytes | C]:
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        yield chunk
    if seen != size:
        raise InternalError(f"'{path}' was announced with {size} bytes and came with {seen}")
    if fill := -size % BLOCK:
        yield bytes(fill)


def stream(parts: Recipe, open_blob: Callable[[Digest], BinaryIO]) -> Iterator[bytes]:
    """The bytes of a recipe, in chunks; raises BuildFailure where a blob is shorter than its digest says."""
    for part in parts.segments:
        if isinstance(part, Inline):
            yield part.data
        else:
            yield from _slice(part, open_blob)


def _slice(part: Slice, open_blob: Callable[[Digest], BinaryIO]) -> Iterator[bytes]:
    with open_blob(part.digest) as source:
        _skip(source, part.offset)
        left = part.length
        while left:
            chunk = source.read(min(left, CHUNK))
            if not chunk:
                raise BuildFailure(f"blob {part.digest} ends {left} bytes early")
            left -= len(chunk)
            yield chunk
        # A verified reader tells a changed file by its end: ask for it.
        if part.offset + part.length == part.digest.size and source.read(1):
            raise BuildFailure(f"blob {part.digest} is longer than its {part.digest.size} bytes")


def _skip(source: BinaryIO, count: int) -> None:
    while count:
        chunk = source.read(min(count, CHUNK))
        if not chunk:
            return
        count -= len(chunk)


def _extended(text: bytes, limit: int) -> bool:
    # ustar says nothing of encodings; PAX values are UTF-8.
    return len(text) > limit or not text.isascii()


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """(prefix, name) with the longest prefix that fits, or None where only PAX can hold the path."""
    if not name.isascii():
        return None
    if len(name) <= _NAME:
        return b"", name
    cut = name.rfind(b"/", 0, min(_PREFIX + 1, len(name) - 1))
    if cut <= 0 or len(name) - cut - 1 > _NAME:
        return None
    return name[:cut], name[cut + 1 :]


def _cut(text: bytes, limit: int) -> bytes:
    # PAX says it in full, but strict readers decode this field too: no character may be cut in two.
    return text[:limit].decode(errors="ignore").encode()


def _records(path: bytes, link: bytes, size: int) -> bytes:
    found = {b"linkpath": link, b"path": path, b"size": b"%d" % size if size > _LARGEST else b""}
    return b"".join(_record(key, value) for key, value in sorted(found.items()) if value)


def _record(key: bytes, value: bytes) -> bytes:
    # The length counts its own digits.
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _ustar(name: bytes, prefix: bytes, kind: bytes, mode: int, size: int, link: bytes) -> bytes:
    fields = (
        name.ljust(_NAME, b"\0"),
        b"%07o\0" % mode,
        b"0000000\0" * 2,  # uid, gid
        b"%011o\0" % size,
        b"00000000000\0",  # mtime
        b" " * 8,  # the checksum counts itself as spaces
        kind,
        link.ljust(_LINK, b"\0"),
        b"ustar\x0000",
        bytes(64),  # uname, gname
        b"0000000\0" * 2,  # device numbers
        prefix.ljust(_PREFIX, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    if len(block) != BLOCK:
        raise InternalError(f"a tar header of {len(block)} bytes for {name!r}")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
