"""Names from images → text that is safe to print, in columns.

In: texts that strangers chose. Out: lines without control characters, so that no terminal obeys them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from buildkit.digest import Digest


def printable(text: str) -> str:
    r"""The text with what a terminal would obey written out.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def short(digest: Digest) -> str:
    """The first twelve digits of a digest."""
    return digest.hex[:12]


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """Rows in columns as wide as what is in them; those in `right` are aligned at their right."""
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(len(rows[0]) if rows else 0)]
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def named(rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Names at the left, the lines of each at the right."""
    shown = [(name, lines) for name, lines in rows if lines]
    width = max((len(name) for name, _ in shown), default=0)
    for name, lines in shown:
        for number, line in enumerate(lines):
            yield f"{'' if number else name:<{width}}  {line}"
