"""Findings in BUILD files that need the rest of the workspace: other packages, and the rules' schemas.

In: a BUILD file, its text, and a loader. Out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Iterator

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.glob import pattern
from buildkit.graph.loader import Loader
from buildkit.lang.lint import Finding, Place, located
from buildkit.lang.lint.globs import Glob, globs
from buildkit.lang.parser import parse
from buildkit.lang.syntax import File, Literal


def lint_package(loader: Loader, package: str, path: str, text: str) -> list[Finding]:
    """What the BUILD file of a package says in its workspace. Raises BuildError, or BuildErrors, if it has mistakes."""
    file = parse(text, path, build_file=True)
    places = [*_globs(loader.files, package, file), *_attributes(loader, package, file)]
    return located(places, text, file)


def _globs(files: WorkspaceFiles, package: str, file: File) -> Iterator[Place]:
    found = list(globs(file))
    if not found:
        return
    inner = [one for one in files.packages_below(package) if one != package]
    for glob in found:
        for literal in glob.include:
            if (crossed := _crossed(files, package, inner, glob, literal)) is not None:
                message = f"the glob pattern '{literal.value!s}' reaches into the package '//{crossed}'"
                hint = f"files of '//{crossed}' are left out: name its targets, or exclude its folder"
                yield Place(literal.start, literal.end, "glob-crosses-package", message, hint)


def _crossed(files: WorkspaceFiles, package: str, inner: list[str], glob: Glob, literal: Literal) -> str | None:
    """The first package inside this one with a file that a pattern would take in."""
    try:
        wanted = pattern(str(literal.value))
        unwanted = [pattern(str(one.value)) for one in glob.exclude]
    except BuildError:
        return None  # a pattern that cannot be is told when the file is loaded
    for other in inner:
        below = other.removeprefix(package + "/") if package else other
        for name in files.files_of(other):
            path = f"{below}/{name}"
            if wanted.fullmatch(path) and not any(one.fullmatch(path) for one in unwanted):
                return other
    return None


def _attributes(loader: Loader, package: str, file: File) -> Iterator[Place]:
    """Attributes that are given, and that their rules call deprecated."""
    try:
        targets = loader.package(package).targets
    except (BuildError, BuildErrors):
        return  # its mistakes are for the commands that load it
    for target in targets.values():
        if not target.rule or target.label not in loader.rules:
            continue
        schema = loader.rules[target.label].schema
        for name, span in target.spans.items():
            if name in schema and schema[name].deprecated and span.path == file.path:
                start = file.lines[span.line - 1] + span.column - 1
                end = file.lines[span.end_line - 1] + span.end_column - 1
                message = f"'{name}' of rule '{target.rule}' is deprecated"
                yield Place(start, end, "deprecated-attribute", message, schema[name].deprecated)
