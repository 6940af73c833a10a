"""The text of number and string literals → their values."""

from __future__ import annotations

import re

from buildkit.lang.limits import check_digits, check_integer
from buildkit.lang.scanner import ScanError

_ESCAPE = re.compile(r"\\(\r?\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
_BASES = {"x": 16, "o": 8, "b": 2}


def integer(text: str, start: int) -> int:
    """The value of an integer literal that starts at an offset. Raises ScanError."""
    end = start + len(text)
    base = _BASES.get(text[1:2].lower(), 10)
    if base == 10 and len(text) > 1 and text[0] == "0" and text.strip("0"):
        raise ScanError(
            f"invalid integer literal '{text}'", start, end, f"write octal numbers as '0o{text.lstrip('0')}'"
        )
    check_digits(len(text) if base == 10 else len(text) - 2, base)
    try:
        value = int(text if base == 10 else text[2:], base)
    except ValueError:
        raise ScanError(f"invalid integer literal '{text}'", start, end) from None
    check_integer(value)
    return value


def floating(text: str, start: int) -> float:
    """The value of a float literal. Raises ScanError where it is beyond the range of floats."""
    value = float(text)
    if value == float("inf"):
        raise ScanError("float literal is too large", start, start + len(text))
    return value


def string(text: str, start: int) -> str:
    """The value of a string literal, quotes and prefix included. Raises ScanError."""
    return _unquote(text, start, text=True)


def byte_string(text: str, start: int) -> bytes:
    """The value of a bytes literal; text stands for its UTF-8 bytes, hexadecimal and octal escapes for one byte."""
    # Escapes for single bytes come back as surrogates, as Python's own file names do.
    try:
        return _unquote(text, start, text=False).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # only a host's own text can hold such, no file
        raise ScanError("bytes literal holds half of a character", start, start + len(text)) from None


def _unquote(literal: str, start: int, *, text: bool) -> str:
    body = literal.lstrip("rRbB")
    prefix = literal[: len(literal) - len(body)].lower()
    width = 3 if body[:3] in ('"""', "'''") else 1
    offset = start + len(prefix) + width
    body = body[width:-width]
    if "\r" in body:
        body = body.replace("\r\n", "\n")
    if "r" in prefix or "\\" not in body:
        return body
    return _ESCAPE.sub(lambda match: _escape(match, offset, text), body)


def _escape(match: re.Match[str], offset: int, text: bool) -> str:
    code, start, end = match[1], offset + match.start(), offset + match.end()
    if code in _PLAIN:
        return _PLAIN[code]
    if code[0] in "\r\n":
        return ""
    if code[0] in "xuU" and len(code) > 1:
        value = int(code[1:], 16)
        small = code[0] == "x"
    elif code[0] in "01234567":
        value, small = int(code, 8), True
    else:
        raise ScanError(f"invalid escape sequence '{match[0]}'", start, end, "write '\\\\' for a backslash")
    if small and value > (0x7F if text else 0xFF):
        raise ScanError(
            f"escape sequence '{match[0]}' is not ASCII", start, end, "use '\\u' and four hexadecimal digits"
        )
    if value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
        raise ScanError(f"escape sequence '{match[0]}' is not a Unicode character", start, end)
    if not text and small and value > 0x7F:
        return chr(0xDC00 + value)
    return chr(value)
