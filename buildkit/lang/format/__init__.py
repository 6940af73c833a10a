"""Canonical text of BUILD and .bzl files: what buildifier makes of them, comments kept.

In: a file's text. Out: its text as it should stand. The phases, one a file: `tokens`, `expressions` and `statements`
(text → layout tree), `comments` (who has which), `rewriting` (order and spelling), `printing`.
"""

from __future__ import annotations

from buildkit.errors import BuildError, BuildErrors, InternalError
from buildkit.lang.format import comments, printing, rewriting
from buildkit.lang.format.statements import Statements
from buildkit.lang.format.tokens import tokenize
from buildkit.lang.parser import parse
from buildkit.lang.stack import DEEP_STACK

_MOST_PASSES = 8


def format_source(text: str, path: str, build_file: bool) -> str:
    """The canonical text of a file; `path` is what errors call it. Raises BuildError, or BuildErrors for several.

    Formatting formatted text changes nothing: a rewrite may make room for another, so it goes on until all is still.
    """
    parse(text, path, build_file=build_file)
    with DEEP_STACK:
        formatted = _format(text, build_file)
        if formatted == text:
            return text
        for _ in range(_MOST_PASSES):
            again = _format(formatted, build_file)
            if again == formatted:
                break
            formatted = again
    _check(formatted, path, build_file)
    return formatted


def _check(formatted: str, path: str, build_file: bool) -> None:
    """A formatter must never spoil a file: what it wrote is read again."""
    try:
        parse(formatted, path, build_file=build_file)
    except (BuildError, BuildErrors) as error:
        raise InternalError(f"formatting '{path}' would spoil it: {error}") from None


def _format(text: str, build_file: bool) -> str:
    found = tokenize(text)
    file = Statements(text, found.tokens).file()
    comments.attach(file, found.line_comments, found.suffix_comments)
    rewriting.rewrite(file, found.comments(), build_file=build_file)
    return printing.print_file(file, build_file=build_file)
