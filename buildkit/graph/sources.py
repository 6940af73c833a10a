"""The BUILD and .bzl files at or below folders of the workspace.

In: what a user names. Out: `SourceFile`s, sorted. Folders that `//...` never enters are not entered here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from buildkit.errors import BuildError
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.workspace import Workspace
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """A file: what it is called in messages (its path from the workspace's root), where it is, and its kind."""

    name: str
    path: Path
    build_file: bool


def source_files(workspace: Workspace, directory: Path, paths: Iterable[str]) -> list[SourceFile]:
    """The files that paths name: files themselves, all in folders; none named is all at or below `directory`.

    Raises BuildError for a path that is not there, or not in the workspace.
    """
    files = WorkspaceFiles(workspace)
    found = {one.name: one for text in (list(paths) or ["."]) for one in _named(files, directory, text)}
    return sorted(found.values())


def is_build_file(path: Path) -> bool:
    """Whether a file is a BUILD file, going by its name: all but .bzl files are."""
    return path.suffix != ".bzl"


def _named(files: WorkspaceFiles, directory: Path, text: str) -> Iterator[SourceFile]:
    root = files.workspace.root.resolve()
    path = Path(directory, text)
    if not path.exists():
        raise BuildError(f"no file or folder '{text}'")
    whole = path.parent.resolve() / path.name if path.is_file() else path.resolve()
    if not whole.is_relative_to(root):
        raise BuildError(f"'{text}' is not in the workspace '{files.workspace.root}'")
    name = whole.relative_to(root).as_posix()
    if path.is_file():
        yield SourceFile(name, path, is_build_file(path))
    else:
        yield from _below(files, "" if name == "." else name)


def _below(files: WorkspaceFiles, folder: str) -> Iterator[SourceFile]:
    build_file = files.build_file(folder)
    for name, is_folder in files.listing(folder):
        inner = f"{folder}/{name}" if folder else name
        if is_folder:
            if not files.is_foreign(inner):
                yield from _below(files, inner)
        elif inner == build_file or name.endswith(".bzl"):
            yield SourceFile(inner, files.workspace.root / inner, inner == build_file)
