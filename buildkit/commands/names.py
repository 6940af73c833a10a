"""The names of a package's targets, as loading it gives them: those that macros make too.

In: a folder. Out: names with their rules, and the files of code that they rest on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from buildkit.commands.session import Options, Session, package_of
from buildkit.graph.loader import Loader


def declared_names(folder: Path, environment: Mapping[str, str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Load the package of a folder. Raises BuildError or BuildErrors as loading does."""
    session = Session(Options(folder, environment), lambda event: None)
    loader = Loader(session.workspace, session.parsed, lambda span, text: None)
    package = loader.package(package_of(session))
    paths = [package.path, *(label.path for label in package.loads if not label.repository)]
    names = sorted((target.label.name, target.rule) for target in package.targets.values() if target.rule)
    return [session.workspace.root / path for path in paths], names
