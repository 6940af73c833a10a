"""String literals, as they are printed: in double quotes, with their author's escapes where those can stay."""

from __future__ import annotations

import re

from buildkit.lang.format.layout import Text

_FLOAT = re.compile(r"(\d*)(\.\d*)?([eE][+-]?\d+)?")
_ESCAPES = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\", '"': '"'}


def number(text: str) -> str:
    """The text of a number; bytes stay as they are."""
    if text.isdigit():
        return "0o" + text[1:] if len(text) > 1 and text[0] == "0" else text
    found = _FLOAT.fullmatch(text)
    if found is None:
        return text
    whole, fraction, exponent = found.groups()
    whole = whole.lstrip("0") or "0"
    if not fraction or not exponent:
        return whole + (fraction or "") + (exponent or "")
    digits = exponent[1:].lstrip("+").lstrip("0")
    return whole + fraction + (f"e{digits}" if digits else "")


def printed(node: Text) -> str:
    """The text of a string literal."""
    text = node.text
    if text[0] in "rR":
        return _raw(text, node.value)
    if text[0] == '"' or '"' in node.value:
        return text
    triple = text.startswith("'''")
    if "\\\n" in text or "\\\r\n" in text:  # lines that go on: only the quotes change
        return f'"""{text[3:-3]}"""' if triple else f'"{text[1:-1]}"'
    return quoted(node.value, triple=triple)


def _raw(text: str, value: str) -> str:
    if not text.endswith("'") or '"' in value:
        return text
    width = 3 if text[1:].startswith("'''") else 1
    return text[0] + '"' * width + text[1 + width : -width] + '"' * width


def change(node: Text, value: str) -> None:
    """Give a literal another value."""
    node.value = value
    node.text = quoted(value, triple=node.text.lstrip("rR")[:3] in ('"""', "'''"))


def quoted(value: str, *, triple: bool = False) -> str:
    """A value as a literal."""
    marks = '"""' if triple else '"'
    return marks + "".join(_escaped(character, triple) for character in value) + marks


def _escaped(character: str, triple: bool) -> str:
    if triple and character == "\n":
        return character
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    if character < " ":
        return f"\\{ord(character):03o}"
    return character
