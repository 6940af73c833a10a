"""The workspace's files, as loading sees them: each is asked for once, and the answer remembered.

In: paths below the workspace's root. Out: text and names. What was asked is kept in `facts`, so that a graph can be
kept between invocations and used again while every answer would still be the same. A file or folder whose stat is the
same answers the same, unless it was young when it was read: then it could have changed without a new stat.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from blake3 import blake3

from buildkit.graph.config import MARKER
from buildkit.graph.glob import pattern
from buildkit.graph.workspace import OUTPUT_FOLDER, STANDARD_PACKAGE, STANDARD_REPOSITORY, Workspace

Question = tuple[str, str, str]  # kind, repository, path
Listing = tuple[tuple[str, bool], ...]
Stamp = tuple[int, int, int, int, int]  # device, inode, size, mtime and ctime in nanoseconds
_YOUNG_NS = 2_000_000_000  # the coarsest clock of file systems in use


class Fact(NamedTuple):
    """An answer's digest, and the stamp of the file or folder that gave it, if it can be believed."""

    answer: str
    stamp: Stamp | None


Facts = dict[Question, Fact]


class Folder(NamedTuple):
    """What is in a folder; `odd` are those of its files that are links, pipes and the like."""

    listing: Listing
    odd: frozenset[str]
    fact: Fact


class WorkspaceFiles:
    """Reads files and folders of a workspace and of the standard rules, and remembers each answer."""

    def __init__(self, workspace: Workspace, recalled: Mapping[str, Folder] | None = None) -> None:
        """`recalled` are folders of an earlier invocation, taken for what they are now where the stamp is the same."""
        self.workspace = workspace
        self.facts: Facts = {}
        self.folders: dict[str, Folder] = {}
        self._recalled = recalled or {}
        self._root = f"{workspace.root}/"
        self._build_files: dict[str, str | None] = {}
        self._file_names: dict[str, frozenset[str]] = {}

    @contextmanager
    def noting(self) -> Iterator[Facts]:
        """The facts that are noted in this context; they are added to those of the one around it."""
        outer, self.facts = self.facts, {}
        try:
            yield self.facts
        finally:
            outer |= self.facts
            self.facts = outer

    def read(self, repository: str, path: str) -> str | None:
        """The text of a file, or None where there is none; bytes that are not UTF-8 become lone surrogates."""
        data, self.facts["read", repository, path] = _read(self._place(repository, path))
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def is_file(self, repository: str, path: str) -> bool:
        """Whether a path names a file."""
        if not repository:
            parent, _, name = path.rpartition("/")
            folder = self._folder(parent)
            if name not in folder.odd:
                return name in self._names(parent, folder)
        found = self.facts["file", repository, path] = _is_file(self._place(repository, path))
        return found.answer == str(True)

    def _names(self, path: str, folder: Folder) -> frozenset[str]:
        if path not in self._file_names:
            self._file_names[path] = frozenset(name for name, is_folder in folder.listing if not is_folder)
        return self._file_names[path]

    def listing(self, path: str) -> Listing:
        """The sorted names in a folder of the workspace, each with whether it is a folder."""
        return self._folder(path).listing

    def _folder(self, path: str) -> Folder:
        found = self.folders.get(path)
        if found is None:
            found = self.folders[path] = self._look(path)
        self.facts["list", "", path] = found.fact
        return found

    def _look(self, path: str) -> Folder:
        place, recalled = self._root + path, self._recalled.get(path)
        if recalled and recalled.fact.stamp and recalled.fact.stamp == _stamp_of(place):
            return recalled
        return _folder(place)

    def still_true(self, facts: Facts) -> bool:
        """Whether everything that was once answered would be answered the same now."""
        return all(self.renewed(question, fact) for question, fact in facts.items())

    def renewed(self, question: Question, fact: Fact) -> Fact | None:
        """The fact with the stamp of now, or None where the question would be answered otherwise."""
        kind, repository, path = question
        place = self._place(repository, path)
        if fact.stamp and fact.stamp == _stamp_of(place):
            return fact
        now = _ANSWERS[kind](place)
        return now if now.answer == fact.answer else None

    def _place(self, repository: str, path: str) -> str:
        if repository == STANDARD_REPOSITORY:
            return f"{self.workspace.rules}/{path.removeprefix(STANDARD_PACKAGE + '/')}"
        return self._root + path

    def build_file(self, package: str) -> str | None:
        """The path of a package's BUILD file, or None where the folder is no package."""
        listing = self.listing(package)
        if package not in self._build_files:
            found = (name for name in self.workspace.config.build_files if (name, False) in listing)
            name = next(found, None)
            self._build_files[package] = _below(package, name) if name else None
        return self._build_files[package]

    def packages_below(self, package: str) -> Iterator[str]:
        """All packages at or below a folder, each before those inside it."""
        if self.build_file(package):
            yield package
        for name, is_folder in self.listing(package):
            folder = _below(package, name)
            if is_folder and not self.is_foreign(folder):
                yield from self.packages_below(folder)

    def package_around(self, package: str, name: str) -> str | None:
        """The package inside `package` that the file `name` belongs to, or None where it is `package` itself."""
        folders = name.split("/")[:-1]
        inner = (_below(package, "/".join(folders[:depth])) for depth in range(len(folders), 0, -1))
        return next((folder for folder in inner if self.build_file(folder)), None)

    def files_of(self, package: str) -> Iterator[str]:
        """The files that belong to a package, as paths from it: those below it but in no package of their own."""
        yield from self._files_below(package, "")

    def _files_below(self, package: str, below: str) -> Iterator[str]:
        for name, is_folder in self.listing(_below(package, below)):
            inner = _below(below, name)
            folder = _below(package, inner)
            if not is_folder:
                yield inner
            elif not self.is_foreign(folder) and not self.build_file(folder):
                yield from self._files_below(package, inner)

    def is_foreign(self, folder: str) -> bool:
        """Whether it is a nested workspace or a virtual environment; these are never entered."""
        return any(name in (MARKER, "pyvenv.cfg") for name, _ in self.listing(folder))

    def glob(self, package: str, include: Sequence[str], exclude: Sequence[str]) -> list[str]:
        """The files of a package that match a pattern of `include` and none of `exclude`, sorted."""
        wanted, unwanted = [pattern(text) for text in include], [pattern(text) for text in exclude]
        return sorted(
            path
            for path in self.files_of(package)
            if any(one.fullmatch(path) for one in wanted) and not any(one.fullmatch(path) for one in unwanted)
        )


_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # no file has a name so long


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder and path else folder or path


def _read(place: str) -> tuple[bytes | None, Fact]:
    now = time.time_ns()
    try:
        with open(place, "rb", buffering=0) as file:  # noqa: PTH123 - a Path takes longer
            stamp = old_enough(os.fstat(file.fileno()), now)
            data = file.read()
            return data, Fact(_digest(data), stamp)
    except OSError as error:
        if error.errno not in (*_NOT_THERE, errno.EISDIR):
            raise
        return None, Fact("", None)


def _is_file(place: str) -> Fact:
    return Fact(str(os.path.isfile(place)), None)  # noqa: PTH113 - a Path takes longer than the question


def _folder(place: str) -> Folder:
    """What may be entered or named: no links to folders, which could lead in circles, and nothing that tools leave."""
    now = time.time_ns()
    try:
        stamp = old_enough(os.stat(place), now)  # noqa: PTH116 - a Path takes longer
        with os.scandir(place) as entries:
            found = [
                (one.name, _is_folder(one), one.is_symlink(), one.is_file(follow_symlinks=False)) for one in entries
            ]
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return Folder((), frozenset(), Fact(_digest(b""), None))
    kept = sorted((name, folder) for name, folder, link, _ in found if not (folder and (link or _is_left_out(name))))
    odd = frozenset(name for name, folder, _, plain in found if not folder and not plain)
    text = "\0".join(f"{name}/" if folder else name for name, folder in kept)
    return Folder(tuple(kept), odd, Fact(_digest(os.fsencode(text)), stamp))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or leads to one; a link that nobody can follow does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_left_out(folder: str) -> bool:
    return folder.startswith(".") or folder in (OUTPUT_FOLDER, "__pycache__")


def _digest(data: bytes) -> str:
    return blake3(data).hexdigest()


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _stamp_of(place: str) -> Stamp | None:
    try:
        return _stamp(os.stat(place))  # noqa: PTH116 - a Path takes longer
    except OSError:
        return None


def old_enough(status: os.stat_result, now: int) -> Stamp | None:
    """A stamp, where a later write cannot leave it as it is; `now` is nanoseconds since the epoch."""
    return _stamp(status) if max(status.st_mtime_ns, status.st_ctime_ns) < now - _YOUNG_NS else None


_ANSWERS: dict[str, Callable[[str], Fact]] = {
    "read": lambda place: _read(place)[1],
    "file": _is_file,
    "list": lambda place: _folder(place).fact,
}
