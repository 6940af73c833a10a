"""The workspace's files, as loading sees them: reads, listings and globs, each remembered.

In: paths below the workspace's root. Out: text and names. What was asked is kept in `facts`, so that a graph can be
kept between invocations and used again while every answer would still be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from buildkit.digest import Key
from buildkit.graph.workspace import MARKER, OUTPUT_FOLDER, Workspace


class WorkspaceFiles:
    """Reads files and folders of a workspace and of the standard rules, and remembers each answer."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.facts: dict[tuple[str, str, str], str] = {}

    def read(self, repository: str, path: str) -> str | None:
        """The text of a file, or None where there is none."""
        text = _read(self.workspace.path_of(repository, path))
        self.facts["read", repository, path] = _fact(text)
        return text

    def is_file(self, repository: str, path: str) -> bool:
        """Whether a path names a file."""
        found = self.workspace.path_of(repository, path).is_file()
        self.facts["file", repository, path] = str(found)
        return found

    def listing(self, path: str) -> tuple[tuple[str, bool], ...]:
        """The sorted names in a folder of the workspace, each with whether it is a folder."""
        names = _listing(self.workspace.root / path)
        self.facts["list", "", path] = _fact(names)
        return names

    def still_true(self, facts: dict[tuple[str, str, str], str]) -> bool:
        """Whether everything that was once answered would be answered the same now."""
        for (kind, repository, path), fact in facts.items():
            place = self.workspace.path_of(repository, path)
            now = {
                "read": lambda place=place: _fact(_read(place)),
                "file": lambda place=place: str(place.is_file()),
                "list": lambda place=place: _fact(_listing(place)),
            }[kind]()
            if now != fact:
                return False
        return True

    def build_file(self, package: str) -> str | None:
        """The path of a package's BUILD file, or None where the folder is no package."""
        names = {name for name, is_folder in self.listing(package) if not is_folder}
        for candidate in self.workspace.config.build_files:
            if candidate in names:
                return f"{package}/{candidate}" if package else candidate
        return None

    def packages_below(self, package: str) -> Iterator[str]:
        """All packages at or below a folder, sorted by path."""
        if self.build_file(package):
            yield package
        for folder in self._folders(package):
            yield from self.packages_below(folder)

    def _folders(self, path: str) -> Iterator[str]:
        for name, is_folder in self.listing(path):
            child = f"{path}/{name}" if path else name
            if is_folder and not self._is_foreign(child, name):
                yield child

    def _is_foreign(self, path: str, name: str) -> bool:
        """Nested workspaces, virtual environments, dot folders and outputs are never entered."""
        if name.startswith(".") or name == OUTPUT_FOLDER or name == "__pycache__":
            return True
        inside = {entry for entry, _ in self.listing(path)}
        return MARKER in inside or "pyvenv.cfg" in inside

    def files_of(self, package: str) -> Iterator[str]:
        """The files that belong to a package, as paths from it: those below it but in no package of their own."""
        yield from self._files_below(package, "")

    def _files_below(self, package: str, below: str) -> Iterator[str]:
        here = "/".join(part for part in (package, below) if part)
        for name, is_folder in self.listing(here):
            inner = f"{below}/{name}" if below else name
            path = f"{here}/{name}" if here else name
            if not is_folder:
                yield inner
            elif not self._is_foreign(path, name) and not self.build_file(path):
                yield from self._files_below(package, inner)

    def glob(self, package: str, include: Sequence[str], exclude: Sequence[str]) -> list[str]:
        """The files of a package that match a pattern of `include` and none of `exclude`, sorted."""
        wanted, unwanted = [_pattern(text) for text in include], [_pattern(text) for text in exclude]
        return sorted(
            path
            for path in self.files_of(package)
            if any(pattern.fullmatch(path) for pattern in wanted)
            and not any(pattern.fullmatch(path) for pattern in unwanted)
        )


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _listing(path: Path) -> tuple[tuple[str, bool], ...]:
    try:
        entries = list(path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    # Links to folders are left out: they could lead in circles.
    return tuple(
        sorted((entry.name, entry.is_dir()) for entry in entries if not (entry.is_symlink() and entry.is_dir()))
    )


def _fact(answer: object) -> str:
    return Key.of("fact", answer).hex


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """A glob as a regular expression: `*` and `?` stay within a component, `**` as a whole component crosses them."""
    parts = text.split("/")
    out = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            out += ".*" if last else "(?:[^/]+/)*"
            continue
        out += "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in part)
        out += "" if last else "/"
    return re.compile(out)
