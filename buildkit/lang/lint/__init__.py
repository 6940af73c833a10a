"""Findings in one file's text: what works, and should not stay.

In: a file's text. Out: `Finding`s in the order of the text; what needs the rest of the workspace is `graph.lint`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from buildkit.lang import syntax
from buildkit.lang.format import format_source
from buildkit.lang.format.tokens import tokenize
from buildkit.lang.lint import documents, flow, globs, names
from buildkit.lang.lint.disabling import not_disabled
from buildkit.lang.lint.finding import CHECKS, Finding, Place
from buildkit.lang.lint.globs import Glob
from buildkit.lang.parser import parse

__all__ = ["lint_source", "fix_source", "located", "CHECKS", "Finding", "Place", "Glob"]

_MOST_PASSES = 20


def lint_source(text: str, path: str, build_file: bool) -> list[Finding]:
    """What one file's text says by itself. Raises BuildError, or BuildErrors, where it cannot be read."""
    file = parse(text, path, build_file=build_file)
    places = [place for check in (names, flow, documents, globs) for place in check.check(file)]
    return located(places, text, file)


def located(places: Iterable[Place], text: str, file: syntax.File) -> list[Finding]:
    """Findings with their places in the file, sorted; without those that a comment silences."""
    kept = not_disabled(places, text, file)
    found = [Finding(file.span(one.start, one.end), one.check, one.message, one.hint, one.removes) for one in kept]
    return sorted(found, key=lambda one: (one.span, one.check, one.message))


def fix_source(text: str, path: str, build_file: bool) -> str:
    """The text without what can be removed safely, formatted; the same text where there is nothing to remove."""
    if not _removals(text, path, build_file):
        return text
    text = format_source(text, path, build_file)  # a statement a line
    for _ in range(_MOST_PASSES):
        removals = _removals(text, path, build_file)
        if not removals:
            break
        text = format_source(_without(text, removals), path, build_file)
    return text


def _removals(text: str, path: str, build_file: bool) -> list[tuple[int, int]]:
    return sorted({one.removes for one in lint_source(text, path, build_file) if one.removes})


def _without(text: str, removals: list[tuple[int, int]]) -> str:
    """A text without some ranges, and without the comma that follows one within brackets."""
    tokens = tokenize(text).tokens
    commas = {before.end: after.end for before, after in pairwise(tokens) if after.text == ","}
    for start, end in reversed(removals):
        comma = commas.get(end, end)
        text = text[:start] + text[end : comma - 1] + text[comma:] if comma > end else text[:start] + text[end:]
    return text
