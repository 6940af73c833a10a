"""The text that a printer has made so far, and how the next line is to begin."""

from __future__ import annotations


class Lines:
    """Lines, with comments that wait for the end of the one being written."""

    def __init__(self, build_file: bool) -> None:
        self._build_file = build_file
        self._lines: list[str] = []
        self._line = ""
        self._suffixes: list[str] = []  # comments that wait for the end of the line
        self._margin = 0
        self._depth = 0  # of brackets
        self._one_line = False  # in a tuple without brackets: buildifier breaks its lines without a backslash
        self._level = 0  # of blocks
        self._line_due = False

    def _write(self, text: str) -> None:
        if "\n" in text:
            first, *more, last = text.split("\n")
            self._lines += [self._line + first, *more]
            self._line = last
        else:
            self._line += text

    def _newline(self) -> None:
        self._line_due = False
        if self._suffixes:
            self._line += "  " + self._suffixes[0]
            for text in self._suffixes[1:]:
                self._lines.append(self._line.rstrip(" "))
                self._line = " " * self._margin + text
            self._suffixes = []
        self._lines.append(self._line.rstrip(" "))
        self._line = " " * self._margin

    def _end_due_line(self) -> None:
        if self._line_due:
            self._newline()

    def _break(self) -> None:
        """End a line within an expression, with a backslash where no bracket is open."""
        if self._depth:
            self._newline()
        elif self._one_line:
            self._write(" ")
        else:
            self._lines.append(self._line + " \\")
            self._line = " " * self._margin

    def _column(self) -> int:
        return len(self._line) if self._line.isascii() else len(self._line.encode("utf-8", "surrogatepass"))
