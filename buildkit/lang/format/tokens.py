"""Text → tokens with their lines, comments among them.

In: text that the parser has accepted. Out: `Token`s. Unlike the parser's scanner, this one keeps what a formatter must
see: comments, and each line's end outside brackets. Comments inside brackets and after code are told apart here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NAME, NUMBER, STRING, MARK = "name", "number", "string", "mark"
NEWLINE, INDENT, DEDENT, COMMENT, END = "newline", "indent", "dedent", "comment", "end"

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\f\r]+)
  | (?P<newline>\n)
  | (?P<continuation>\\\r?\n)
  | (?P<comment>\#[^\n]*)
  | (?P<string>[rRbB]{0,2}(?:"{3}(?:[^\\]|\\.)*?"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\]|\\\r?.)*"|'(?:[^'\\]|\\\r?.)*'))
  | (?P<number>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|0[xXoObB][0-9a-zA-Z]*|\d+)
  | (?P<name>[^\W\d]\w*)
  | (?P<mark>(?://|<<|>>|[-+*/%&|^<>=!])=|\*\*|//|<<|>>|.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A token: what it is, its text, its offsets, the lines (from 1) of its two ends, and its column (from 0)."""

    kind: str
    text: str
    start: int
    end: int
    line: int
    last_line: int
    column: int


class Comment(NamedTuple):
    """A comment, or with an empty text the blank line before one; `column` counts from 0, `line` from 1."""

    text: str
    start: int
    column: int
    line: int


class Tokens(NamedTuple):
    """A text's tokens, and the comments that are inside a statement: on lines of their own, and after code."""

    tokens: list[Token]
    line_comments: list[Comment]
    suffix_comments: list[Comment]

    def comments(self) -> list[str]:
        """The texts of all comments."""
        standing = [token.text for token in self.tokens if token.kind == COMMENT]
        return standing + [comment.text for comment in (*self.line_comments, *self.suffix_comments) if comment.text]


def tokenize(text: str) -> Tokens:
    """Split a text into tokens."""
    return _Scan(text).run()


class _Scan:
    """The state of one scan."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.line_comments: list[Comment] = []
        self.suffix_comments: list[Comment] = []
        self.line = 1
        self.line_start = 0
        self.depth = 0
        self.clean = True  # only spaces so far on this line
        self.indents = [0]
        self.newlines = 0  # line ends since the last token or comment, inside brackets

    def run(self) -> Tokens:
        text = self.text if self.text.endswith("\n") else self.text + "\n"
        self.text = text
        add = self.tokens.append
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup
            if kind == "space":
                continue
            start, end = match.span()
            if kind == "newline":
                self._newline(start)
            elif kind == "continuation":
                self.line += 1
                self.line_start = end
            elif kind == "comment":
                self._comment(match[0], start)
            else:
                if self.clean and self.depth == 0:
                    self._layout(start)
                self.clean = False
                self.newlines = 0
                value, line, column = match[0], self.line, start - self.line_start
                if kind == "string" and "\n" in value:
                    self.line += value.count("\n")
                    self.line_start = start + value.rindex("\n") + 1
                elif value in "([{":
                    self.depth += 1
                elif value in ")]}":
                    self.depth -= 1
                add(Token(kind or "", value, start, end, line, self.line, column))
        for _ in self.indents[1:]:
            self._add(DEDENT, len(text))
        self._add(END, len(text))
        return Tokens(self.tokens, self.line_comments, self.suffix_comments)

    def _add(self, kind: str, start: int) -> None:
        self.tokens.append(Token(kind, "", start, start, self.line, self.line, 0))

    def _newline(self, start: int) -> None:
        if self.depth == 0:
            self._add(NEWLINE, start)
        self.newlines += 1
        self.clean = True
        self.line += 1
        self.line_start = start + 1

    def _layout(self, start: int) -> None:
        width = self.text.count(" ", self.line_start, start)
        if width > self.indents[-1]:
            self.indents.append(width)
            self._add(INDENT, start)
        while width < self.indents[-1]:
            self.indents.pop()
            self._add(DEDENT, start)

    def _comment(self, value: str, start: int) -> None:
        comment = Comment(value.strip(), start, start - self.line_start, self.line)
        if self.depth == 0 and self.clean:
            end = start + len(value)
            self.tokens.append(Token(COMMENT, comment.text, start, end, self.line, self.line, comment.column))
            return
        before = self.text[self.line_start : start].strip().replace(" ", "")
        if before and before != "):" and before[-1] not in "([{":
            self.suffix_comments.append(comment)
        else:
            if self.newlines > 1 and self.depth:
                self.line_comments.append(comment._replace(text=""))
            self.line_comments.append(comment)
        self.newlines = 0
