"""Comments that silence checks: `# mbuild: disable=CHECK, CHECK`, buildifier's own form, and `# @unused`.

After code such a comment is meant for its line; on a line of its own, for the statement right below it; above the first
statement and a blank line, for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from buildkit.lang import syntax
from buildkit.lang.format.tokens import COMMENT, tokenize
from buildkit.lang.lint.finding import CHECKS, Place
from buildkit.lang.lint.walk import blocks

_DISABLE = re.compile(r"(?:mbuild|buildifier):\s*disable=([\w, -]+)")
_UNUSED = "@unused"


def not_disabled(places: Iterable[Place], source: str, file: syntax.File) -> list[Place]:
    """The findings that no comment silences."""
    silent = _silent(source, file)
    return [
        place
        for place in places
        if not any(place.check in checks and start <= place.start < end for start, end, checks in silent)
    ]


def _silent(source: str, file: syntax.File) -> list[tuple[int, int, frozenset[str]]]:
    if "disable=" not in source and _UNUSED not in source:
        return []
    found = tokenize(source)
    standing = [(token.start, token.text) for token in found.tokens if token.kind == COMMENT]
    inside = [(one.start, one.text) for one in (*found.line_comments, *found.suffix_comments)]
    ranges = [(*_line(source, start), _checks(text)) for start, text in inside]
    ranges += [(*_below(source, file, start), _checks(text)) for start, text in standing]
    return [(start, end, checks) for start, end, checks in ranges if checks]


def _checks(comment: str) -> frozenset[str]:
    words = {word for match in _DISABLE.finditer(comment) for word in re.split(r"[,\s]+", match[1])}
    if _UNUSED in comment:
        words |= {"load", "unused-variable"}
    return frozenset(words & set(CHECKS))


def _line(source: str, offset: int) -> tuple[int, int]:
    """The line of a comment after code; of one alone within brackets, the line below it too."""
    start = source.rfind("\n", 0, offset) + 1
    end = source.find("\n", offset)
    if end >= 0 and not source[start:offset].strip():
        end = source.find("\n", end + 1)
    return start, len(source) if end < 0 else end


def _below(source: str, file: syntax.File, offset: int) -> tuple[int, int]:
    """The statement under a comment, else the whole file where it stands above everything."""
    following = [one for block in blocks(file.statements) for one in block if one.start > offset]
    if not following:
        return offset, offset
    statement = min(following, key=lambda one: (one.start, -one.end))
    between = source[offset : statement.start]
    if "\n\n" in between.replace(" ", ""):
        return (0, len(source)) if statement is file.statements[0] else (offset, offset)
    return statement.start, statement.end
