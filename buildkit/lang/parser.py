"""Text → syntax tree.

In: the text of one file. Out: a `File`, or the syntax errors found, each at its place with what was expected and what
was found. After an error, reading goes on at the next statement, so that several are shown together.
"""

from __future__ import annotations

import re

from buildkit.errors import BuildError, raise_errors
from buildkit.lang import syntax
from buildkit.lang.automaton import Unexpected, automaton, run
from buildkit.lang.build import Builder
from buildkit.lang.scanner import ScanError, Tokens, scanner

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


def _located(error: ScanError, path: str, lines: tuple[int, ...]) -> BuildError:
    return BuildError(error.message, span=syntax.span_of(path, lines, error.start, error.end), hint=error.hint)


def _statements(text: str, offset: int) -> tuple[syntax.Statement, ...]:
    """Parse a text from an offset on; spans count from the text's beginning. Raises ScanError."""
    if offset == 0 and (tokens := scanner().quick(text)):
        try:
            return run(tokens, Builder(tokens))  # type: ignore[no-any-return]
        except (ScanError, Unexpected):
            pass  # read it again with care, to say what is wrong
    tokens = scanner().careful(text, offset)
    try:
        return run(tokens, Builder(tokens))  # type: ignore[no-any-return]
    except Unexpected as fault:
        raise _unexpected(text, tokens, fault) from None


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


def _unexpected(text: str, tokens: Tokens, fault: Unexpected) -> ScanError:
    start, value = tokens.starts[fault.token], tokens.texts[fault.token]
    kind = scanner().names[tokens.kinds[fault.token]]
    opening = _enclosing(tokens, fault.token)
    if opening is not None and _begins_statement(text, start, kind):
        return ScanError(f"'{text[opening]}' is never closed", opening, opening + 1)
    expected = "expected " + _listed(automaton().accepted(fault.states))
    hint = "join strings with '+'" if kind in ("STRING", "BYTES") and "an operator" in expected else None
    width = 0 if kind == "NEWLINE" else len(value)
    return ScanError(f"syntax error at {_found(kind, value)}: {expected}", start, start + max(width, 1), hint)


def _enclosing(tokens: Tokens, end: int) -> int | None:
    """Where the innermost bracket starts that is open before a token."""
    opened: list[int] = []
    for value, start in zip(tokens.texts[:end], tokens.starts, strict=False):
        if value in ("(", "[", "{"):
            opened.append(start)
        elif value in (")", "]", "}"):
            opened.pop()
    return opened[-1] if opened else None


def _begins_statement(text: str, start: int, kind: str) -> bool:
    """Whether a token looks like part of a new statement: in the first column, or the '=' of a line that is."""
    line = text.rfind("\n", 0, start) + 1
    return (line == start and text[start : start + 1] not in (")", "]", "}")) or (
        kind == "EQUAL" and text[line : line + 1].isidentifier()
    )


def _found(kind: str, value: str) -> str:
    names = {"NEWLINE": "the end of the line", "$END": "the end of the file", "INDENT": "an indented line"}
    names["DEDENT"] = "the end of the block"
    if kind in names:
        return names[kind]
    value = value if len(value) <= 40 else value[:37] + "..."
    return value if kind in ("STRING", "BYTES") and "\n" not in value else f"'{value}'"


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
