"""Members of several tar archives → one tree, checked as a whole before anything of it is written.

In: spooled archives, and files that a tool adds of its own. Out: what stands at each path, and the tar of it all.
Raises BuildFailure, which names the archives, for unsafe names, links to nothing, devices, two owners of one path, and
paths that lead through a file or a symlink (which could lead anywhere).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from buildkit.content import Entry, Kind, Tree, check_path, parents
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci import tar
from buildkit.oci.elf import Programs
from buildkit.oci.layer import directory_mode, file_mode, with_parents
from buildkit.oci.tar_reader import Member, Type, members
from buildkit.records import dataclass

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a path, and whose it is. A file's bytes are `data`, or lie in the spooled archive `file`."""

    path: str
    kind: Kind
    owner: str
    mode: int = 0o755
    target: str = ""
    size: int = 0
    file: Path | None = None
    offset: int = 0
    data: bytes = b""


def made(path: str, data: bytes, owner: str) -> Found:
    """A file of the tool's own."""
    return Found(path, Kind.FILE, owner, 0o644, size=len(data), data=data)


def linked(path: str, target: str, owner: str) -> Found:
    """A symlink."""
    return Found(path, Kind.SYMLINK, owner, 0o777, target)


def folder(path: str, owner: str) -> Found:
    """A directory."""
    return Found(path, Kind.DIRECTORY, owner, directory_mode(path))


# (path, symlink's target or "") in an archive → the same in the image, or None for what is not wanted there.
Relocate = Callable[[str, str], tuple[str, str] | None]


def where_it_is(path: str, target: str) -> tuple[str, str]:
    """Nothing moves."""
    return path, target


def archived(file: Path, owner: str, relocate: Relocate = where_it_is) -> list[Found]:
    """What an archive holds; hard links become files of their own with the same content."""
    found: dict[str, Found] = {}
    with file.open("rb") as archive:
        for member in members(archive, owner):
            path = plain_path(member.path)
            if not path:
                continue
            check_member(path, owner)
            place = relocate(path, member.target if member.type is Type.SYMLINK else "")
            if place is None:
                continue
            thing = _found(member, place, owner, file, _first(member, owner, found, relocate))
            before = found.setdefault(thing.path, thing)
            if before is not thing and not before.kind is thing.kind is Kind.DIRECTORY:
                raise BuildFailure(f"{owner}: member '{path}' is there twice")
    return list(found.values())


def merged(things: Iterable[Found]) -> dict[str, Found]:
    """All things by path. Directories may have many owners, anything else has one."""
    by_path: dict[str, Found] = {}
    for thing in things:
        before = by_path.setdefault(thing.path, thing)
        if before is not thing and not before.kind is thing.kind is Kind.DIRECTORY:
            raise BuildFailure(f"'{thing.path}' is in {before.owner} and in {thing.owner}: expected one owner")
    for thing in by_path.values():
        for parent in parents(thing.path):
            above = by_path.get(parent)
            if above and above.kind is not Kind.DIRECTORY:
                raise BuildFailure(
                    f"'{thing.path}' of {thing.owner} lies inside '{parent}', which is a {above.kind} of {above.owner}"
                )
    return by_path


class Content:
    """The bytes of a file, read from where they were spooled."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened
        self._files: dict[Path, BinaryIO] = {}

    def chunks(self, thing: Found) -> Iterator[bytes]:
        """A file's bytes, in chunks."""
        if thing.file is None:
            yield thing.data
            return
        archive = self._files.get(thing.file) or self._open(thing.file)
        position, end = thing.offset, thing.offset + thing.size
        while position < end:
            archive.seek(position)
            chunk = archive.read(min(_CHUNK, end - position))
            if not chunk:
                raise BuildFailure(f"{thing.owner}: '{thing.path}' ends early")
            position += len(chunk)
            yield chunk

    def read(self, thing: Found) -> bytes:
        """All bytes of a (small) file."""
        return b"".join(self.chunks(thing))

    def _open(self, path: Path) -> BinaryIO:
        self._files[path] = self._opened.enter_context(path.open("rb"))
        return self._files[path]


class MergedTar:
    """The tar of merged things. Its size is known at once, its tree and its programs when it has been streamed."""

    def __init__(self, things: dict[str, Found], content: Content) -> None:
        self._things = things
        self._content = content
        self._tree = with_parents(map(entry_of, things.values()))
        self._layout = tar.Layout(self._tree)
        self._digests: dict[str, Digest] = {}
        self.size = self._layout.size
        self.programs = Programs()

    def stream(self) -> Iterator[bytes]:
        """The bytes of the tar."""
        return self._layout.chunks(self._file)

    def tree(self) -> Tree:
        """The tree with every file's digest; asked for after `stream` has ended."""
        return Tree(tuple(replace(entry, digest=self._digests.get(entry.path)) for entry in self._tree.entries))

    def _file(self, entry: Entry) -> Iterator[bytes]:
        thing = self._things[entry.path]
        hasher = hashlib.sha256()
        for number, chunk in enumerate(self._content.chunks(thing)):
            if number == 0:
                self.programs.look(thing.path, chunk)
            hasher.update(chunk)
            yield chunk
        self._digests[thing.path] = Digest(hasher.hexdigest(), thing.size)


def entry_of(thing: Found) -> Entry:
    """A thing as an entry of a tree, without its digest: only the size is known before its bytes are read."""
    # The digest's hex is told by the stream; the header needs the size alone.
    digest = Digest("", thing.size) if thing.kind is Kind.FILE else None
    target = thing.target if thing.kind is Kind.SYMLINK else None
    return Entry(thing.path, thing.kind, thing.mode, digest, target)


def plain_path(path: str) -> str:
    """A member's path without what archives put around it: './usr/' is 'usr', './' is ''."""
    path = path.removeprefix("./").removesuffix("/")
    return "" if path == "." else path


def check_member(path: str, owner: str) -> None:
    """Raise BuildFailure for a member whose path would lead out of its folder; `owner` names the archive."""
    try:
        check_path(path)
    except BuildFailure:
        raise BuildFailure(f"{owner}: member {path!r} has an unsafe name: it would leave its folder") from None


def _found(member: Member, place: tuple[str, str], owner: str, file: Path, first: Found | None) -> Found:
    path, target = place
    if member.type is Type.DEVICE:
        name = plain_path(member.path)
        raise BuildFailure(f"{owner}: member '{name}' is a device or pipe: only files, folders and links are allowed")
    if member.type is Type.DIRECTORY:
        return folder(path, owner)
    if member.type is Type.SYMLINK:
        return linked(path, target, owner)
    if first:
        return replace(first, path=path)
    return Found(path, Kind.FILE, owner, file_mode(member.mode), "", member.size, file, member.offset)


def _first(member: Member, owner: str, known: dict[str, Found], relocate: Relocate) -> Found | None:
    """The file that a hard link is another name of; it must be in the same archive, before the link."""
    if member.type is not Type.HARD_LINK:
        return None
    target = plain_path(member.target)
    check_member(target, owner)
    place = relocate(target, "")
    first = known.get(place[0]) if place else None
    if first is None or first.kind is not Kind.FILE:
        name = plain_path(member.path)
        raise BuildFailure(
            f"{owner}: hard link '{name}' leads to '{target}', which is no file before it in the archive"
        )
    return first
