"""Query text → tokens.

In: an expression. Out: `Token`s, the last of kind 'end'. Bazel's lexical rules: words of letters, digits and
`*/@.-_:$~[]` need no quotes unless they begin with '-' or '*'; quotes know no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from buildkit.errors import BuildError, Span
from buildkit.graph.query.expression import PLACE
from buildkit.records import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<quoted>"[^"]*"|'[^']*')|(?P<word>[\w/@.:$~\[\]][\w*/@.\-:$~\[\]]*)|(?P<sign>[()=,+^-])"""
)
_KEYWORDS = {"let": "let", "in": "in", "set": "set", "union": "+", "except": "-", "intersect": "^"}


@dataclass(frozen=True, slots=True)
class Token:
    """A kind ('word', a keyword, a sign, 'end'), its text without quotes, and its place."""

    kind: str
    text: str
    span: Span
    quoted: bool = False

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def tokens(text: str) -> list[Token]:
    """All tokens of an expression. Raises BuildError at a character that begins none."""
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _stray(text, position)
        span, position = _span(text, position, found.end()), found.end()
        match found.lastgroup:
            case "quoted":
                yield Token("word", found[0][1:-1], span, quoted=True)
            case "word":
                yield Token(_KEYWORDS.get(found[0], "word"), found[0], span)
            case "sign":
                yield Token(found[0], found[0], span)
    yield Token("end", "", _span(text, len(text.rstrip()), len(text.rstrip()) + 1))


def _stray(text: str, position: int) -> BuildError:
    span = _span(text, position, position + 1)
    if text[position] in "\"'":
        return BuildError("the quoted word is never closed", span=span, hint=f"end it with {text[position]}")
    hint = "put words that hold other characters than letters, digits and */@.-_:$~[] into quotes"
    return BuildError(f"unexpected character {text[position]!r}", span=span, hint=hint)


def _span(text: str, start: int, end: int) -> Span:
    """The place of a piece of the text."""
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    end_line, end_column = text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end)
    return Span(PLACE, line, column, end_line, end_column)
