"""`mbuild docs`: .bzl files → pages of reference, written or compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from buildkit.commands.session import Session, package_of
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.graph.documentation import document, files_of_patterns, native
from buildkit.graph.kinds import KINDS
from buildkit.graph.loader import Loader
from buildkit.graph.modules import PRELUDE
from buildkit.label import Label
from buildkit.records import dataclass
from buildkit.report.documentation import INDEX, pages

DEFAULT_FOLDER = "docs/rules"
_STANDARD_HEAD = """\
BUILD files know these rules without a `load`. They are written in the same language as your own, and have no powers
that yours lack. These pages are made from their `doc` strings by `mbuild docs @mbuild//rules`.
"""
_OWN_HEAD = "Made by `mbuild docs` from the `doc` strings of this workspace's .bzl files.\n"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its path from the workspace's root or as the output was named, its text, and whether it is new."""

    path: str
    text: str
    changed: bool


def reference(session: Session, patterns: Sequence[str]) -> dict[str, str]:
    """The pages of all .bzl files that are meant, by name; of some files only, without the index of all.

    Raises BuildError where there are none.
    """
    loader = Loader(session.workspace, session.parsed, session.print_from_code)
    asked = patterns or ["//..."]
    labels = files_of_patterns(loader, asked, package_of(session))
    if not labels:
        hint = "name one, or make one with 'mbuild new rule NAME'"
        raise BuildError(f"no .bzl file among {' '.join(asked)}", hint=hint)
    made = _reference(loader, labels)
    every = files_of_patterns(loader, ["@mbuild//rules" if labels[0].repository else "//..."], "")
    return made if labels == every else {name: text for name, text in made.items() if name != INDEX}


def standard_reference(loader: Loader) -> dict[str, str]:
    """The pages of the standard rules."""
    return _reference(loader, files_of_patterns(loader, ["@mbuild//rules"], ""))


def _reference(loader: Loader, labels: Sequence[Label]) -> dict[str, str]:
    modules = document(loader, labels)
    known = {name for prelude in _preludes(loader) for name in loader.module(prelude) if not name.startswith("_")}
    if any(not label.repository for label in labels):
        name = loader.workspace.config.name or "this workspace"
        return pages(modules, title=f"Rules of {name}", head=_OWN_HEAD, prelude=known)
    return pages(
        [*modules, native()] if len(labels) > 1 else modules,
        title="The standard rules",
        head=_STANDARD_HEAD,
        prelude={*known, *KINDS},
    )


def _preludes(loader: Loader) -> list[Label]:
    """The files whose names BUILD files know without a load."""
    own = loader.workspace.config.prelude
    return [PRELUDE, *([Label.parse(own)] if own else [])]


def write(session: Session, made: Mapping[str, str], output: str) -> list[Page]:
    """Write pages below a folder, from where the user stands; without one, below docs/rules of the workspace.

    Raises EnvironmentFault where that cannot be done.
    """
    compared = _compared(session, made, output)
    try:
        for page in compared:
            if page.changed:
                path = _root(session, output) / page.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(page.text, encoding="utf-8")
    except OSError as fault:
        reason = (fault.strerror or str(fault)).lower()
        raise EnvironmentFault(f"cannot write the page '{fault.filename}': {reason}") from fault
    return compared


def check(session: Session, made: Mapping[str, str], output: str) -> list[Page]:
    """Compare pages with those of a folder. Raises BuildFailure that names each stale page."""
    compared = _compared(session, made, output)
    stale = [f"'{page.path}' is behind" for page in compared if page.changed]
    if INDEX in made:
        stale += [f"'{name}' is made from no file any more" for name in _left(_root(session, output), made)]
    if stale:
        raise BuildFailure(
            "the pages are not what the .bzl files say", notes=stale, hint="run 'mbuild docs' without --check"
        )
    return compared


def _left(folder: Path, made: Collection[str]) -> list[str]:
    """The pages of a folder that were made from files which are gone: such a page begins with its file's name."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        if name not in made and (_read(path) or "").startswith(f"# {path.stem}.bzl\n"):
            found.append(name)
    return found


def _compared(session: Session, made: Mapping[str, str], output: str) -> list[Page]:
    folder = _root(session, output)
    return [Page(name, text, _read(folder / name) != text) for name, text in made.items()]


def _root(session: Session, output: str) -> Path:
    return session.options.directory / output if output else session.workspace.root / DEFAULT_FOLDER


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
