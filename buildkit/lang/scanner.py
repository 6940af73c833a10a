"""Text → tokens, with NEWLINE, INDENT and DEDENT where the layout has them.

In: a text. Out: `Tokens`. There are two ways there. `quick` lets C code do nearly all of it and gives up at anything
that is not plainly right; `careful` goes token by token and says what is wrong. What both accept, they read alike.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, compress

from buildkit.lang.tables import END, Terminal, tables
from buildkit.records import dataclass

NEWLINE, INDENT, DEDENT, FINISH, WRONG = 1, 2, 3, 4, 63  # kinds of tokens; 0 is what stands between tokens
_LAYOUT = {"NEWLINE": NEWLINE, "INDENT": INDENT, "DEDENT": DEDENT, END: FINISH}
_REMEMBERED = 100_000

_CLOSES = {")": "(", "]": "[", "}": "{"}
_RESERVED = re.compile(
    "as|async|await|class|del|except|finally|from|global|import|is|nonlocal|raise|try|while|with|yield"
).fullmatch
_NEWLINE = r"\r?\n(?:[ \t\f\r]*(?:#[^\n]*)?\n)*[ \t]*"  # and the blank lines and comments after it, and the indentation
_SPACE = r"[ \t\f]+|\\\r?\n|#[^\n]*"
_UNUSUAL = re.compile(r'["\\\r\n]').search
_BLANK = re.compile(_SPACE).fullmatch
# Most tokens are one of these; blanks are taken along, which spares their own matches.
_FREQUENT = r'[^\W\d]\w*+(?!["\']) *|"[^"\\\r\n]*"(?!")|[()\[\]{},:] *|' + _NEWLINE + "|=(?!=) *"


class ScanError(Exception):
    """Text that is no token, or not in its place: a message and where; the parser makes it a BuildError."""

    def __init__(self, message: str, start: int, end: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens in order, as parallel lists. A text may have blanks after it; `error` is what ended the reading early."""

    kinds: list[int]
    texts: list[str]
    starts: list[int]
    error: ScanError | None = None

    def add(self, kind: int, text: str, start: int) -> None:
        """Add one token."""
        self.kinds.append(kind)
        self.texts.append(text)
        self.starts.append(start)


class _Names(dict[str, str]):
    """Texts of tokens without the blanks after them; equal ones are one object."""

    def __missing__(self, text: str) -> str:
        self[text] = name = sys.intern(text.rstrip(" "))
        return name


NAMES = _Names()


class _Kinds(dict[str, int]):
    """Which kind of token a text is."""

    def __init__(self, scanner: Scanner) -> None:
        super().__init__()
        self._scanner = scanner

    def __missing__(self, text: str) -> int:
        self[text] = kind = self._scanner.kind(text)
        return kind


class Scanner:
    """Reads tokens by the grammar's terminals. `names` holds the name of each kind."""

    def __init__(self, terminals: tuple[Terminal, ...]) -> None:
        self.numbers = dict(_LAYOUT)
        for terminal in terminals:
            self.numbers[terminal.name] = len(self.numbers) + 1
        self.names = {number: name for name, number in self.numbers.items()}
        self._literals = {t.literal: self.numbers[t.name] for t in terminals if t.literal}
        marks = sorted((text for text in self._literals if not text.isalpha()), key=len, reverse=True)
        patterns = [f"(?P<{t.name}>{t.pattern})" for t in terminals if t.pattern]
        patterns.append("(?P<mark>" + "|".join(map(re.escape, marks)) + ")")
        self._pattern = re.compile("|".join(patterns))
        self._token = re.compile(rf"(?:[ \t\f]|\\\r?\n)*(?:#[^\n]*+)?(?:{'|'.join(patterns)}|(?P<newline>\r?\n))")
        plain = [f"(?:{t.pattern})" for t in terminals if t.pattern] + list(map(re.escape, marks))
        self._find = re.compile("|".join([_FREQUENT, *plain, _SPACE, "[\"'](?s:.)*", "(?s:.)"])).findall
        self._kinds = _Kinds(self)
        self._opens = [(kind in self._of("([{")) - (kind in self._of(")]}")) for kind in range(WRONG + 1)]

    def _of(self, marks: str) -> set[int]:
        return {self._literals[mark] for mark in marks}

    def kind(self, text: str) -> int:
        """Which kind of token a text is, that `quick` has found."""
        if text[0] == text[-1] == '"' and len(text) > 1 and not _UNUSUAL(text, 1, len(text) - 1):
            return self.numbers["STRING"]
        if text[0] in "\r\n":
            return NEWLINE if "\n" in text else WRONG
        text = text.rstrip(" ") or " "
        found = self._pattern.fullmatch(text)
        if _RESERVED(text):
            return WRONG
        if found is None or text in self._literals:
            return self._literals.get(text, 0 if _BLANK(text) else WRONG)
        return self.numbers[found.lastgroup]  # type: ignore[index]

    def quick(self, text: str) -> Tokens | None:
        """The tokens of a text; None where something may be wrong with it."""
        if len(self._kinds) > _REMEMBERED:
            self._kinds.clear()
            NAMES.clear()
        texts = self._find("\n" + text)
        kinds = list(map(self._kinds.__getitem__, texts))
        depths = list(accumulate(map(self._opens.__getitem__, kinds)))
        if WRONG in kinds or depths[-1] or min(depths) < 0:
            return None
        kept = [kind > NEWLINE or (kind == NEWLINE and not depth) for kind, depth in zip(kinds, depths, strict=True)]
        starts = compress(accumulate(map(len, texts), initial=-1), kept)
        tokens = Tokens(list(compress(kinds, kept)), list(compress(texts, kept)), list(starts))
        if tokens.kinds[-1] != NEWLINE:
            tokens.add(NEWLINE, "\n", len(text))
        return _laid_out(tokens)

    def careful(self, text: str, offset: int) -> Tokens:
        """The tokens of a text from an offset on, up to where it is wrong."""
        tokens = Tokens([], [], [])
        try:
            for kind, value, start in self._lines(text, offset):
                tokens.add(kind, value, start)
            tokens.add(FINISH, "", tokens.starts[-1] if tokens.starts else offset)
        except ScanError as error:
            return Tokens(tokens.kinds, tokens.texts, tokens.starts, error)
        return tokens

    def _lines(self, text: str, position: int) -> Iterator[tuple[int, str, int]]:
        brackets: list[tuple[str, int]] = []
        match, literals, indents = self._token.match, self._literals, [0]
        last, fresh = -1, True
        while True:
            if fresh:
                position = _BLANK_LINES.match(text, position).end()  # type: ignore[union-attr]
                yield from _indentation(text, position, indents)
                fresh = False
            found = match(text, position)
            if found is None:
                break
            group = found.lastgroup
            start, position = found.span(group)  # type: ignore[arg-type]
            value = text[start:position]
            if group == "newline":
                fresh = not brackets
                if fresh:
                    last = -1
                    yield NEWLINE, "\n", start
                continue
            if _RESERVED(value):
                raise _reserved(value, start, position)
            if value in ("(", "[", "{"):
                brackets.append((value, start))
            elif value in (")", "]", "}"):
                _close(brackets, value, start)
            yield literals.get(value) or self.numbers[group], value, start  # type: ignore[index]
            last = position
        yield from _end(text, position, last, indents, brackets)


_BLANK_LINES = re.compile(r"(?:[ \t\f\r]*(?:#[^\n]*)?\n)*")
_INDENTATION = re.compile(r"[ \t]*")
_REST = re.compile(r"(?:[ \t\f\r]|\\\r?\n)*(?:#[^\n]*)?")


@lru_cache(maxsize=1)
def scanner() -> Scanner:
    """The scanner of the grammar."""
    return Scanner(tables().terminals)


def _laid_out(tokens: Tokens) -> Tokens | None:
    """Put INDENT and DEDENT after each NEWLINE whose text ends in another indentation; the first is not the text's."""
    kinds, texts, starts = tokens.kinds, tokens.texts, tokens.starts
    laid, done, place, last, indents = Tokens([], [], []), 1, 0, len(kinds) - 1, [0]
    while place < last:
        blank = texts[place]
        if len(indents) > 1 or blank[-1] != "\n":
            width = len(blank) - blank.rfind("\n") - 1
            if "\t" in blank[-width:] and width:
                return None
            if width != indents[-1]:
                _extend(laid, tokens, done, place + 1)
                done = place + 1
                if not _moved(laid, indents, width):
                    return None
        place = kinds.index(NEWLINE, place + 1)
    _extend(laid, tokens, done, last + 1)
    for _ in indents[1:]:
        laid.add(DEDENT, "", starts[-1])
    laid.add(FINISH, "", starts[-1])
    return laid


def _extend(laid: Tokens, tokens: Tokens, start: int, end: int) -> None:
    laid.kinds.extend(tokens.kinds[start:end])
    laid.texts.extend(tokens.texts[start:end])
    laid.starts.extend(tokens.starts[start:end])


def _moved(laid: Tokens, indents: list[int], width: int) -> bool:
    if width > indents[-1]:
        indents.append(width)
        laid.add(INDENT, "", 0)
    while width < indents[-1]:
        indents.pop()
        laid.add(DEDENT, "", 0)
    return width == indents[-1]


def _indentation(text: str, position: int, indents: list[int]) -> Iterator[tuple[int, str, int]]:
    end = _INDENTATION.match(text, position).end()  # type: ignore[union-attr]
    rest = _REST.match(text, end).end()  # type: ignore[union-attr]
    if rest == len(text):
        return
    if "\t" in text[position:end]:
        raise ScanError("a tab is used for indentation", position, end, "indent with spaces")
    width = end - position
    if width > indents[-1]:
        indents.append(width)
        yield INDENT, text[position:end], position
    while width < indents[-1]:
        indents.pop()
        yield DEDENT, "", end
    if width != indents[-1]:
        raise ScanError(
            f"indentation of {width} columns matches no outer block",
            position,
            end,
            f"expected {' or '.join(str(width) for width in indents)}",
        )


def _end(
    text: str, position: int, last: int, indents: list[int], brackets: list[tuple[str, int]]
) -> Iterator[tuple[int, str, int]]:
    rest = _REST.match(text, position).end()  # type: ignore[union-attr]
    if rest < len(text):
        raise _unreadable(text, rest)
    if brackets:
        opening, start = brackets[-1]
        raise ScanError(f"'{opening}' is never closed", start, start + 1)
    if last >= 0:
        yield NEWLINE, "\n", last
    for _ in indents[1:]:
        yield DEDENT, "", len(text)


def _close(brackets: list[tuple[str, int]], value: str, start: int) -> None:
    if not brackets:
        raise ScanError(f"'{value}' closes nothing", start, start + 1)
    opening, place = brackets.pop()
    if opening != _CLOSES[value]:
        raise ScanError(f"'{opening}' is closed by '{value}'", place, place + 1)


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
    if "\udc80" <= text[start] <= "\udcff":  # how a byte that is not UTF-8 is read
        return ScanError(f"not UTF-8 text: there is a byte 0x{ord(text[start]) - 0xDC00:02x}", start, start + 1)
    return ScanError(f"unexpected character {text[start]!r}", start, start + 1)
