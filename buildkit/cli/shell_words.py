"""A shell's line → its words, as far as it has been typed.

In: the text before the cursor. Out: words without their quotes; the last one is where the cursor is.
"""

from __future__ import annotations

from typing import NamedTuple


class ShellWord(NamedTuple):
    """A word's text, and the quote that is still open at its end."""

    text: str
    quote: str = ""


def split_line(line: str) -> list[ShellWord]:
    """The words of a line; the last is empty after a space."""
    words: list[ShellWord] = []
    text, quote, begun, escaped = "", "", False, False
    for sign in line:
        if escaped:
            text, escaped = text + sign, False
        elif sign == "\\" and quote != "'":
            escaped = begun = True
        elif quote:
            text, quote = (text, "") if sign == quote else (text + sign, quote)
        elif sign in "\"'":
            quote, begun = sign, True
        elif sign.isspace():
            words += [ShellWord(text)] if begun else []
            text, begun = "", False
        else:
            text, begun = text + sign, True
    return [*words, ShellWord(text, quote)]
