"""Text → syntax tree.

In: the text of one file. Out: a `File`, or the syntax errors found, each at its place with what was expected and what
was found. After an error, reading goes on at the next statement, so that several are shown together.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

import lark

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import syntax
from buildkit.lang.build import Builder
from buildkit.lang.scanner import ScanError, Scanner, Source, Token

_MOST_ERRORS = 10
_STATEMENT = re.compile(r"^(?=[A-Za-z_(\[{\"'])", re.MULTILINE)


def parse(source: str, path: str, *, build_file: bool) -> syntax.File:
    """Parse the text of a file; `path` is what errors call it. Raises BuildError, or BuildErrors for several."""
    lines = syntax.line_starts(source)
    errors: list[BuildError] = []
    try:
        statements = _statements(source, 0)
    except ScanError as error:
        errors = [_located(found, path, lines) for found in _all_errors(source, error)]
        raise_errors(errors)
    file = syntax.File(path, build_file, statements, lines)
    if build_file:
        errors = [_located(found, path, lines) for found in _not_data(file)]
    raise_errors(errors)
    return file


def raise_errors(errors: list[BuildError]) -> None:
    """Raise what was found: nothing, the one error, or all of them together."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BuildErrors(errors)


def _located(error: ScanError, path: str, lines: tuple[int, ...]) -> BuildError:
    return BuildError(error.message, span=syntax.span_of(path, lines, error.start, error.end), hint=error.hint)


@lru_cache(maxsize=1)
def _parser() -> lark.Lark:
    grammar = files("buildkit.lang").joinpath("grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(
        grammar,
        start="file",
        parser="lalr",
        lexer=Scanner,
        transformer=Builder(),
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def _statements(text: str, offset: int) -> tuple[syntax.Statement, ...]:
    """Parse a text from an offset on; spans count from the text's beginning. Raises ScanError."""
    source = Source(text, offset)
    try:
        statements: Any = _parser().parse(source)
    except lark.exceptions.VisitError as error:
        raise error.orig_exc from None
    except lark.UnexpectedToken as error:
        raise _unexpected(error, source) from None
    return statements  # type: ignore[no-any-return]


def _all_errors(text: str, first: ScanError) -> list[ScanError]:
    errors, error, offset = [first], first, 0
    while len(errors) < _MOST_ERRORS:
        line_end = text.find("\n", max(error.start, offset))
        following = _STATEMENT.search(text, line_end + 1) if line_end >= 0 else None
        if following is None:
            break
        offset = following.start()
        try:
            _statements(text, offset)
            break
        except ScanError as found:
            error = found
            errors.append(found)
    return errors


def _unexpected(error: lark.UnexpectedToken, source: Source) -> ScanError:
    token: Token = error.token
    opening = source.enclosing(token)
    if opening is not None and source.begins_statement(token):
        return ScanError(
            f"'{opening.value}' is never closed",
            opening.start_pos,
            opening.end_pos,
        )
    expected = _expected(error)
    hint = "join strings with '+'" if token.type in ("STRING", "BYTES") and "an operator" in expected else None
    end = max(token.end_pos, token.start_pos + 1)
    return ScanError(f"{expected}, found {_found(token)}", token.start_pos, end, hint)


def _found(token: Token) -> str:
    names = {"NEWLINE": "the end of the line", "$END": "the end of the file", "INDENT": "an indented line"}
    names["DEDENT"] = "the end of the block"
    if token.type in names:
        return names[token.type]
    value = token.value if len(token.value) <= 40 else token.value[:37] + "..."
    return value if token.type in ("STRING", "BYTES") and "\n" not in value else f"'{value}'"


def _expected(error: lark.UnexpectedToken) -> str:
    parser: Any = error.interactive_parser
    accepted: set[str] = parser.accepts()
    return "expected " + _listed(accepted)


def _listed(accepted: set[str]) -> str:
    names: list[str] = []
    rest = set(accepted)
    if {"NAME", "INT", "LPAR"} <= rest:
        statement = "DEF" in rest or "PASS" in rest
        names.append("a statement" if statement else "an expression")
        rest -= _BEGINNINGS | (
            {"RETURN", "BREAK", "CONTINUE", "PASS", "LOAD", "DEF", "FOR", "IF"} if statement else set()
        )
    if {"OPERATOR", "PLUS"} <= rest:
        rest -= {"OPERATOR", "PLUS", "MINUS", "STAR", "IN", "NOT", "AND", "OR", "IF", "DOT", "LPAR", "LSQB"}
        names.append("an operator")
    names += sorted((_TERMINALS.get(name, name.lower()) for name in rest), key=lambda name: (len(name), name))
    if len(names) > 1:
        return ", ".join(names[:-1]) + " or " + names[-1]
    return names[0] if names else "nothing more"


_BEGINNINGS = frozenset(
    [
        "NAME",
        "INT",
        "FLOAT",
        "STRING",
        "BYTES",
        "LPAR",
        "LSQB",
        "LBRACE",
        "MINUS",
        "PLUS",
        "TILDE",
        "NOT",
        "LAMBDA",
        "STAR",
        "STARSTAR",
    ]
)
_TERMINALS = {
    "NAME": "a name",
    "STRING": "a string",
    "NEWLINE": "the end of the line",
    "INDENT": "an indented block",
    "DEDENT": "the end of the block",
    "$END": "the end of the file",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "COMMA": "','",
    "COLON": "':'",
    "SEMICOLON": "';'",
    "DOT": "'.'",
    "EQUAL": "'='",
    "AUGMENTED": "'+='",
    "STAR": "'*'",
    "STARSTAR": "'**'",
    "IN": "'in'",
    "FOR": "'for'",
    "IF": "'if'",
    "ELSE": "'else'",
    "ELIF": "'elif'",
    "DEF": "'def'",
    "OPERATOR": "an operator",
    "PLUS": "'+'",
    "MINUS": "'-'",
}


def _not_data(file: syntax.File) -> list[ScanError]:
    """What a BUILD file may not hold: it declares, and does not compute by statements."""
    found = []
    words: dict[type, str] = {syntax.Definition: "def", syntax.Loop: "for", syntax.Branch: "if"}
    for statement in file.statements:
        word = words.get(type(statement))
        if word:
            hint = "move it to a .bzl file and load it"
            if word == "for":
                hint = "use a comprehension, or a function of a .bzl file"
            if word == "if":
                hint = "use a conditional expression, or a function of a .bzl file"
            start = statement.start
            found.append(ScanError(f"'{word}' is not allowed in a BUILD file", start, start + len(word), hint))
    return found
