"""Files → their canonical text, written where it differs.

In: files of the workspace, or one text. Out: what differs. A file with a mistake is told at the end; the others are
formatted all the same.
"""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from buildkit.commands.session import Session
from buildkit.errors import BuildError, BuildErrors, EnvironmentFault
from buildkit.graph.config import MARKER, Config
from buildkit.graph.sources import SourceFile, source_files
from buildkit.graph.workspace import Workspace, standard_rules
from buildkit.lang.format import format_source
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A file whose text is not canonical."""

    file: SourceFile
    text: str
    formatted: str

    def lines(self) -> str:
        """A unified diff."""
        return "".join(_diff(self.text, self.formatted, self.file.name))


@dataclass(frozen=True, slots=True)
class Formatted:
    """What was found: the files that differ, and what could not be read."""

    differences: tuple[Difference, ...]
    faults: tuple[BuildError, ...]


def differences(session: Session, paths: Sequence[str]) -> Formatted:
    """Compare files with their canonical text. Writes nothing."""
    found: list[Difference] = []
    faults: list[BuildError] = []
    for file in _once(named_files(session, paths)):
        text = read(file.path)
        try:
            formatted = format_source(text, file.name, file.build_file)
        except BuildError as error:
            faults.append(error)
        except BuildErrors as error:
            faults += error.errors
        else:
            if formatted != text:
                found.append(Difference(file, text, formatted))
    return Formatted(tuple(found), tuple(faults))


def _once(files: Sequence[SourceFile]) -> list[SourceFile]:
    """The files without links to others of them: a link is written through."""
    own = {file.path.resolve(): file for file in sorted(files, key=lambda file: not file.path.is_symlink())}
    return sorted(own.values())


def named_files(session: Session, paths: Sequence[str]) -> list[SourceFile]:
    """The files that are meant. Where paths are named no workspace is needed: they are then told from the folder."""
    directory = session.options.directory
    if paths and not in_workspace(session):
        return source_files(Workspace(directory, Config(), standard_rules()), directory, paths)
    return source_files(session.workspace, directory, paths)


def in_workspace(session: Session) -> bool:
    """Whether the folder is in a workspace."""
    directory = session.options.directory
    return any((folder / MARKER).is_file() for folder in (directory, *directory.parents))


def format_text(text: str, build_file: bool) -> Difference:
    """Compare a text that is in no file."""
    file = SourceFile("<stdin>", Path("-"), build_file)
    return Difference(file, text, format_source(text, file.name, build_file))


def read(path: Path) -> str:
    """The text of a file; bytes that are not UTF-8 become lone surrogates."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def write(path: Path, text: str) -> None:
    """Give a file another text, all at once; its permissions stay. A link's target is written."""
    target = path.resolve()
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text.encode("utf-8", "surrogateescape"))
            Path(scratch).chmod(mode)
            Path(scratch).replace(target)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise EnvironmentFault(f"cannot write '{path}': {(error.strerror or str(error)).lower()}") from None


def _diff(text: str, formatted: str, name: str) -> Iterator[str]:
    found = difflib.unified_diff(
        text.splitlines(keepends=True), formatted.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    for line in found:
        yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
