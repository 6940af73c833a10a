"""Text → streams that may not know all its characters.

In: a line. Out: the line, in plainer signs where the stream's encoding has no others, and flushed.
"""

from __future__ import annotations

from typing import TextIO

_PLAINER = str.maketrans({"✓": "+", "✗": "x", "·": "-", "…": "..."})


def write_line(stream: TextIO, line: str) -> None:
    """Write a line so that neither an old encoding nor an odd file name can end the program."""
    stream.write(f"{encodable(line, stream.encoding)}\n")
    stream.flush()


def encodable(text: str, encoding: str | None) -> str:
    """The text as it is, or as near as the encoding allows; None stands for any text."""
    if encoding is None:
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAINER).encode(encoding, "backslashreplace").decode(encoding)
    return text
