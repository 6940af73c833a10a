"""The workspace's files, as loading sees them: each is asked for once, and the answer remembered.

In: paths below the workspace's root. Out: text and names. What was asked is kept in `facts`, so that a graph can be
kept between invocations and used again while every answer would still be the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from buildkit.digest import Key
from buildkit.graph.config import MARKER
from buildkit.graph.glob import pattern
from buildkit.graph.workspace import OUTPUT_FOLDER, Workspace

Question = tuple[str, str, str]  # kind, repository, path
Listing = tuple[tuple[str, bool], ...]


class WorkspaceFiles:
    """Reads files and folders of a workspace and of the standard rules, and remembers each answer."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.facts: dict[Question, str] = {}
        self._listings: dict[str, Listing] = {}

    def read(self, repository: str, path: str) -> str | None:
        """The text of a file, or None where there is none; bytes that are not UTF-8 become lone surrogates."""
        text = _read(self.workspace.path_of(repository, path))
        self.facts["read", repository, path] = _fact(text)
        return text

    def is_file(self, repository: str, path: str) -> bool:
        """Whether a path names a file."""
        found = self.workspace.path_of(repository, path).is_file()
        self.facts["file", repository, path] = _fact(found)
        return found

    def listing(self, path: str) -> Listing:
        """The sorted names in a folder of the workspace, each with whether it is a folder."""
        if path not in self._listings:
            self._listings[path] = _listing(self.workspace.root / path)
            self.facts["list", "", path] = _fact(self._listings[path])
        return self._listings[path]

    def still_true(self, facts: dict[Question, str]) -> bool:
        """Whether everything that was once answered would be answered the same now."""
        place = self.workspace.path_of
        return all(
            _fact(_ANSWERS[kind](place(repository, path))) == fact for (kind, repository, path), fact in facts.items()
        )

    def build_file(self, package: str) -> str | None:
        """The path of a package's BUILD file, or None where the folder is no package."""
        names = {name for name, is_folder in self.listing(package) if not is_folder}
        for candidate in self.workspace.config.build_files:
            if candidate in names:
                return _below(package, candidate)
        return None

    def packages_below(self, package: str) -> Iterator[str]:
        """All packages at or below a folder, each before those inside it."""
        if self.build_file(package):
            yield package
        for name, is_folder in self.listing(package):
            folder = _below(package, name)
            if is_folder and not self._is_foreign(folder):
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
            elif not self._is_foreign(folder) and not self.build_file(folder):
                yield from self._files_below(package, inner)

    def _is_foreign(self, folder: str) -> bool:
        """Whether it is a nested workspace or a virtual environment; these are never entered."""
        inside = {name for name, _ in self.listing(folder)}
        return MARKER in inside or "pyvenv.cfg" in inside

    def glob(self, package: str, include: Sequence[str], exclude: Sequence[str]) -> list[str]:
        """The files of a package that match a pattern of `include` and none of `exclude`, sorted."""
        wanted, unwanted = [pattern(text) for text in include], [pattern(text) for text in exclude]
        return sorted(
            path
            for path in self.files_of(package)
            if any(one.fullmatch(path) for one in wanted) and not any(one.fullmatch(path) for one in unwanted)
        )


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder and path else folder or path


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _listing(path: Path) -> Listing:
    """What may be entered or named: no links to folders, which could lead in circles, and nothing that tools leave."""
    try:
        with os.scandir(path) as entries:
            found = [(entry.name, entry.is_dir(), entry.is_symlink()) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(
        sorted((name, folder) for name, folder, link in found if not (folder and (link or _is_left_out(name))))
    )


def _is_left_out(folder: str) -> bool:
    return folder.startswith(".") or folder in (OUTPUT_FOLDER, "__pycache__")


def _fact(answer: object) -> str:
    return Key.of("fact", answer).hex


_ANSWERS: dict[str, Callable[[Path], object]] = {"read": _read, "file": Path.is_file, "list": _listing}
