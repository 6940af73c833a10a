"""A layer's tar stream → a folder, and nothing outside it.

In: the bytes of a layer (plain, gzip or zstd, told by their first bytes). Out: a folder with its files, and a `Layer`:
what its `.wh.` entries take away from lower ones, which folders it has only because something lies in them, and which
big files were left out because they lie elsewhere already.

The folder is new, so every path in it is one that this file made: a member whose parent is a symlink, or is no folder,
is refused by looking at what was made, and the file system is never asked to follow anything.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import BinaryIO

from buildkit.content import Kind, check_path, parents
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution.layer_stream import opened
from buildkit.oci.each_once import told_twice
from buildkit.records import dataclass

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
DEEPEST = 256  # folders in each other; walks through a tree go as deep
_CHUNK = 1 << 20

# Given where a member's bytes begin and how many they are: the blob that they are, if they need not be copied.
Elsewhere = Callable[[int, int], Digest | None]


@dataclass(frozen=True, slots=True)
class Layer:
    """What an unpacked layer is beside its files: (path, blob) of files left out, removed paths, emptied folders.

    `implied` are the folders that it does not name: where a lower layer has them, their modes stay.
    """

    elsewhere: tuple[tuple[str, Digest], ...] = ()
    removed: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The document kept beside the folder."""
        elsewhere = [[path, str(digest), digest.size] for path, digest in self.elsewhere]
        folders = {"removed": self.removed, "emptied": self.emptied, "implied": self.implied}
        return json.dumps({"elsewhere": elsewhere} | folders)

    @classmethod
    def from_json(cls, text: str) -> Layer:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        elsewhere = tuple((path, Digest.parse(digest, size)) for path, digest, size in data["elsewhere"])
        return cls(elsewhere, tuple(data["removed"]), tuple(data["emptied"]), tuple(data.get("implied", ())))


def unpack(stream: BinaryIO, folder: Path, elsewhere: Elsewhere | None = None) -> Layer:
    """Unpack a layer into an empty folder. With `elsewhere` the stream must be plain and seekable."""
    unpacking = _Unpacking(folder)
    try:
        with opened(stream, seekable=elsewhere is not None) as archive:
            for member in archive:
                unpacking.add(member, archive, elsewhere)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise BuildFailure(f"damaged layer: {error}") from error
    return unpacking.finish()


@dataclass(slots=True)
class _Unpacking:
    folder: Path
    kinds: dict[str, Kind] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    elsewhere: dict[str, Digest] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    implied: set[str] = field(default_factory=set)

    def add(self, member: tarfile.TarInfo, archive: tarfile.TarFile, elsewhere: Elsewhere | None) -> None:
        """Make one member."""
        path = _plain(member.name)
        if not path or (path.startswith("dev/") and _is_special(member)):
            return  # whoever runs a root brings devices of its own
        try:
            self._add(path, member, archive, elsewhere)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise BuildFailure(f"layer member '{path[:100]}…' has a name that is too long for a file") from None

    def _add(self, path: str, member: tarfile.TarInfo, archive: tarfile.TarFile, elsewhere: Elsewhere | None) -> None:
        parent, _, name = path.rpartition("/")
        if name.startswith(WHITEOUT):
            self._white_out(parent, name)
            return
        self._make_parents(path)
        if member.isdir():
            self._make_folder(path, member.mode)
            self.implied.discard(path)
            return
        if member.size < 0 or member.issparse():
            raise BuildFailure(f"layer member '{path}' is a sparse file, or one of less than no bytes")
        self._check_free(path)
        target = self.folder / path
        if member.isreg():
            self._write(path, target, member, archive, elsewhere)
        elif member.issym():
            if not member.linkname:
                raise BuildFailure(f"layer member '{path}' is a symlink to nothing")
            target.symlink_to(member.linkname)
            self.kinds[path] = Kind.SYMLINK
        elif member.islnk():
            self._link(path, target, _plain(member.linkname))
        else:
            raise BuildFailure(f"layer member '{path}' is a device, socket or pipe")

    def finish(self) -> Layer:
        """Set the folders' modes, which might have forbidden to fill them."""
        for path, mode in self.modes.items():
            # What we made we must be able to link from and to remove.
            (self.folder / path).chmod(mode & 0o1777 | 0o700)
        implied = tuple(sorted(self.implied))
        return Layer(tuple(sorted(self.elsewhere.items())), tuple(self.removed), tuple(self.emptied), implied)

    def _white_out(self, parent: str, name: str) -> None:
        if name == OPAQUE:
            self.emptied.append(parent)
            return
        path = f"{parent}/{name.removeprefix(WHITEOUT)}".lstrip("/")
        check_path(path)
        self.removed.append(path)

    def _make_parents(self, path: str) -> None:
        for parent in parents(path):
            kind = self.kinds.get(parent)
            if kind is None:
                self._make_folder(parent, 0o755)
                self.implied.add(parent)
            elif kind is not Kind.DIRECTORY:
                raise BuildFailure(f"layer member '{path}' lies inside '{parent}', which is a {kind}")

    def _make_folder(self, path: str, mode: int) -> None:
        if self.kinds.get(path) is not Kind.DIRECTORY:
            self._check_free(path)
            (self.folder / path).mkdir()
        self.kinds[path] = Kind.DIRECTORY
        self.modes[path] = mode

    def _check_free(self, path: str) -> None:
        if path in self.kinds:
            what = f"layer member '{path}' is there as a directory already"
            raise BuildFailure(what if path in self.implied else f"damaged layer: {told_twice(path)}")

    def _write(
        self, path: str, target: Path, member: tarfile.TarInfo, archive: tarfile.TarFile, elsewhere: Elsewhere | None
    ) -> None:
        blob = elsewhere(member.offset_data, member.size) if elsewhere else None
        with target.open("xb") as file:
            if blob is not None:
                self.elsewhere[path] = blob
            else:
                content = archive.extractfile(member)
                assert content is not None
                shutil.copyfileobj(content, file, _CHUNK)
            file.flush()
            os.fchmod(file.fileno(), member.mode & 0o777 | 0o400)
            os.utime(file.fileno(), (member.mtime, member.mtime))
        self.kinds[path] = Kind.FILE

    def _link(self, path: str, target: Path, source: str) -> None:
        if self.kinds.get(source) is not Kind.FILE:
            raise BuildFailure(f"layer member '{path}' is a hard link to '{source}', which is no file before it")
        target.hardlink_to(self.folder / source)
        self.kinds[path] = Kind.FILE
        if source in self.elsewhere:
            self.elsewhere[path] = self.elsewhere[source]


def _plain(name: str) -> str:
    """A member's path without the `./` and `/` that archivers add; '' is the root itself. Refuses what leads out."""
    path = name.removeprefix("./").rstrip("/")
    if path in ("", "."):
        return ""
    check_path(path)
    if path.count("/") >= DEEPEST:
        raise BuildFailure(f"layer member '{path[:100]}…' lies in more than {DEEPEST} folders")
    return path


def _is_special(member: tarfile.TarInfo) -> bool:
    return member.ischr() or member.isblk() or member.isfifo()
