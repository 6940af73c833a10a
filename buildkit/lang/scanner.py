"""Text → tokens, with NEWLINE, INDENT and DEDENT where the layout has them.

This is lark's lexer interface over one regular expression made from the grammar's own terminals. It differs from lark's
own lexers in that tokens know offsets only (places are computed when an error needs them), that brackets are
remembered (so that an unclosed one is reported where it opens), and that nesting is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lark.common import LexerConf
from lark.lexer import Lexer, LexerState, PatternStr

NESTING = 300

_CLOSES = {")": "(", "]": "[", "}": "{"}
_RESERVED = frozenset(
    [
        "as",
        "assert",
        "async",
        "await",
        "class",
        "del",
        "except",
        "finally",
        "from",
        "global",
        "import",
        "is",
        "nonlocal",
        "raise",
        "try",
        "while",
        "with",
        "yield",
    ]
)


class Token:
    """One token; lark reads its `type`, and line numbers that we leave to later."""

    __slots__ = ("end_pos", "start_pos", "type", "value")
    line = column = end_line = end_column = 0

    def __init__(self, type_: str, value: str, start: int, end: int) -> None:
        self.type = type_
        self.value = value
        self.start_pos = start
        self.end_pos = end

    def __repr__(self) -> str:
        return f"{self.type}({self.value!r})"


class ScanError(Exception):
    """Text that is no token: a message and where; the parser makes it a BuildError."""

    def __init__(self, message: str, start: int, end: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint


class Source:
    """A text being read from an offset on, with the brackets that are open so far, for the parser's error messages."""

    __slots__ = ("offset", "open_brackets", "text")

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset
        self.open_brackets: list[Token] = []

    def enclosing(self, token: Token) -> Token | None:
        """The innermost bracket that was open before a token."""
        inner = self.open_brackets
        if inner and inner[-1].start_pos == token.start_pos:
            inner = inner[:-1]
        return inner[-1] if inner else None

    def begins_statement(self, token: Token) -> bool:
        """Whether a token looks like part of a new statement: in the first column, or the '=' of a line that is."""
        line = self.text.rfind("\n", 0, token.start_pos) + 1
        return line == token.start_pos or (token.type == "EQUAL" and self.text[line : line + 1].isidentifier())


class Scanner(Lexer):
    """The lexer that lark is given."""

    __future_interface__ = 2

    def __init__(self, conf: LexerConf) -> None:
        patterns = sorted(
            (t for t in conf.terminals if not isinstance(t.pattern, PatternStr)), key=lambda t: -t.priority
        )
        literals = {t.pattern.value: t.name for t in conf.terminals if isinstance(t.pattern, PatternStr)}
        marks = sorted((text for text in literals if not text.isalpha()), key=len, reverse=True)
        groups = [f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in patterns]
        groups.append("(?P<mark>" + "|".join(map(re.escape, marks)) + ")")
        groups.append(r"(?P<newline>\r?\n)")
        self._token = re.compile(r"(?:[ \t\f]|\\\r?\n)*(?:#[^\n]*)?(?:" + "|".join(groups) + ")")
        self._types = literals
        self._blank = re.compile(r"(?:[ \t\f\r]*(?:#[^\n]*)?\n)*")
        self._indent = re.compile(r"[ \t]*")
        self._rest = re.compile(r"(?:[ \t\f\r]|\\\r?\n)*(?:#[^\n]*)?")

    def lex(self, lexer_state: LexerState, parser_state: Any) -> Iterator[Any]:
        """Yield the tokens of a `Source`."""
        source: Source = lexer_state.text  # type: ignore[assignment]
        return self._lines(source, parser_state.state_stack)

    def _lines(self, source: Source, stack: list[int]) -> Iterator[Token]:
        text, brackets = source.text, source.open_brackets
        match, types, indents = self._token.match, self._types, [0]
        position, last = source.offset, -1
        fresh = True
        while True:
            if fresh:
                position = self._blank.match(text, position).end()  # type: ignore[union-attr]
                yield from self._layout(text, position, indents)
                fresh = False
            found = match(text, position)
            if found is None:
                break
            kind = found.lastgroup
            start, position = found.span(kind)  # type: ignore[arg-type]
            value = text[start:position]
            if kind == "newline":
                if not brackets:
                    fresh = True
                    yield Token("NEWLINE", "\n", start, start)
                continue
            if kind == "NAME":
                kind = types.get(value, "NAME")
                if value in _RESERVED:
                    raise _reserved(value, start, position)
            elif kind == "mark":
                kind = types[value]
                if value in "([{":
                    brackets.append(Token(kind, value, start, position))
                elif value in ")]}":
                    _close(brackets, value, start)
            if len(stack) > NESTING:
                raise ScanError(
                    f"expressions and blocks are nested too deeply: the bound is {NESTING} levels", start, position
                )
            yield Token(kind, value, start, position)  # type: ignore[arg-type]
            last = position
        yield from self._end(text, position, last, indents, brackets)

    def _layout(self, text: str, position: int, indents: list[int]) -> Iterator[Token]:
        end = self._indent.match(text, position).end()  # type: ignore[union-attr]
        rest = self._rest.match(text, end).end()  # type: ignore[union-attr]
        if rest == len(text):
            return
        if "\t" in text[position:end]:
            raise ScanError("a tab is used for indentation", position, end, "indent with spaces")
        width = end - position
        if width > indents[-1]:
            indents.append(width)
            yield Token("INDENT", "", position, end)
        while width < indents[-1]:
            indents.pop()
            yield Token("DEDENT", "", end, end)
        if width != indents[-1]:
            raise ScanError(
                f"indentation of {width} columns matches no outer block",
                position,
                end,
                f"expected {' or '.join(str(width) for width in indents)}",
            )

    def _end(self, text: str, position: int, last: int, indents: list[int], brackets: list[Token]) -> Iterator[Token]:
        rest = self._rest.match(text, position).end()  # type: ignore[union-attr]
        if rest < len(text):
            raise _unreadable(text, rest)
        if brackets:
            opening = brackets[-1]
            raise ScanError(
                f"'{opening.value}' is never closed",
                opening.start_pos,
                opening.end_pos,
            )
        if last >= 0 and "\n" not in text[last:]:
            yield Token("NEWLINE", "\n", last, last)
        for _ in indents[1:]:
            yield Token("DEDENT", "", len(text), len(text))


def _close(brackets: list[Token], value: str, start: int) -> None:
    if not brackets:
        raise ScanError(f"'{value}' closes nothing", start, start + 1)
    opening = brackets.pop()
    if opening.value != _CLOSES[value]:
        raise ScanError(
            f"'{opening.value}' is closed by '{value}'",
            opening.start_pos,
            opening.end_pos,
        )


def _reserved(value: str, start: int, end: int) -> ScanError:
    hints = {
        "while": "use a 'for' loop over a range",
        "import": "use load()",
        "is": "use '=='",
        "class": "use struct()",
    }
    return ScanError(f"'{value}' is a reserved word", start, end, hints.get(value))


def _unreadable(text: str, start: int) -> ScanError:
    rest = text[start : start + 5].lstrip("rRbB")
    if rest[:1] in ("'", '"'):
        end = text.find("\n", start)
        return ScanError("string literal is never closed", start, len(text) if end < 0 else end)
    if text[start] == "!":
        return ScanError("unexpected '!'", start, start + 1, "use 'not' or '!='")
    if text[start] == "\\":
        return ScanError(
            "unexpected '\\'", start, start + 1, "a line goes on inside brackets, or after a '\\' at its very end"
        )
    return ScanError(f"unexpected character {text[start]!r}", start, start + 1)
