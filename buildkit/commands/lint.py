"""Files → findings, and with `fix` the files without what can be removed safely.

In: files of the workspace. Out: `Linted`. A file that cannot be read is told at the end; the others are looked at all
the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.commands.fmt import in_workspace, named_files, read, write
from buildkit.commands.session import Session
from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.lint import lint_package
from buildkit.graph.loader import Loader
from buildkit.graph.sources import SourceFile
from buildkit.lang.lint import Finding, fix_source, lint_source
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found; the files that were mended; what could not be read."""

    findings: tuple[Finding, ...]
    mended: tuple[str, ...]
    faults: tuple[BuildError, ...]


def lint(session: Session, paths: Sequence[str], *, fix: bool) -> Linted:
    """Look at files; with `fix`, mend those that can be mended."""
    files = named_files(session, paths)
    mended = _mend(files) if fix else ()
    faults: list[BuildError] = []
    loader = _loader(session)
    findings: list[Finding] = []
    for file in files:
        try:
            findings += _findings(file, loader)
        except BuildError as error:
            faults.append(error)
        except BuildErrors as error:
            faults += error.errors
    return Linted(tuple(findings), mended, tuple(faults))


def _findings(file: SourceFile, loader: Loader | None) -> list[Finding]:
    text = read(file.path)
    found = lint_source(text, file.name, file.build_file)
    package = file.name.rpartition("/")[0]
    if loader is not None and file.build_file and loader.files.build_file(package) == file.name:
        found += lint_package(loader, package, file.name, text)
    return sorted(found)


def _loader(session: Session) -> Loader | None:
    """What loads packages, where there is a workspace."""
    if not in_workspace(session):
        return None
    return Loader(session.workspace, session.parsed, lambda span, text: None)


def _mend(files: Sequence[SourceFile]) -> tuple[str, ...]:
    mended: list[str] = []
    for file in files:
        text = read(file.path)
        try:
            fixed = fix_source(text, file.name, file.build_file)
        except (BuildError, BuildErrors):
            continue  # told when the file is looked at
        if fixed != text:
            write(file.path, fixed)
            mended.append(file.name)
    return tuple(mended)
