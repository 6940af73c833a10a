"""`json` as .bzl files know it, with Bazel's four functions: values of the language as JSON text, and back.

In: plain values. Out: text with sorted keys, so that the same value is the same text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from buildkit.errors import BuildError
from buildkit.lang.functions import Builtin
from buildkit.lang.limits import DEPTH, NODES, check_digits, check_integer, check_length, spend, too_deep
from buildkit.lang.range import Range
from buildkit.lang.text import brief, display
from buildkit.lang.values import Dict, HostValue, List, Set, Struct, Value, type_name

_MISSING = object()


def _string(value: Any, function: str, parameter: str) -> str:
    if type(value) is not str:
        raise BuildError(f"json.{function}(): parameter '{parameter}' got {type_name(value)}, want string")
    return value


def _encode(x: Value, /) -> str:
    text = "".join(_Encoder().pieces(x, 0))
    check_length(len(text))
    return text


class _Encoder:
    """Writes one value, and knows the way to where it is, for errors."""

    def __init__(self) -> None:
        self._way: list[str] = []
        self._budget = [NODES]

    def pieces(self, value: Any, depth: int) -> Iterator[str]:
        if value is None or type(value) in (bool, int, str):
            yield json.dumps(value, ensure_ascii=False)
        elif type(value) is float:
            if not math.isfinite(value):
                raise self._refused(f"cannot encode non-finite float {display(value)}")
            yield display(value)
        elif depth > DEPTH:
            raise too_deep("written as JSON")
        elif isinstance(value, (Dict, Struct)):
            yield from self._object(value, depth)
        elif isinstance(value, (List, tuple, Range, Set)):
            yield from self._array(value, depth)
        else:
            raise self._refused(f"cannot encode {type_name(value)} as JSON")

    def _object(self, value: Any, depth: int) -> Iterator[str]:
        what = "struct field ." if isinstance(value, Struct) else "dict key "
        items = list(value.fields.items()) if isinstance(value, Struct) else value.items()
        spend(self._budget, len(items), "written as JSON")
        for key, _ in items:
            if type(key) is not str:
                raise self._refused(f"dict has {type_name(key)} key, want string")
        start = "{"
        for key, item in sorted(items, key=lambda pair: pair[0]):
            yield f"{start}{json.dumps(key, ensure_ascii=False)}:"
            start = ","
            self._way.append("in " + what + (key if what[0] == "s" else brief(key)))
            yield from self.pieces(item, depth + 1)
            self._way.pop()
        yield "{}" if start == "{" else "}"

    def _array(self, value: Any, depth: int) -> Iterator[str]:
        spend(self._budget, value.count() if isinstance(value, Range) else len(value), "written as JSON")
        yield "["
        for place, item in enumerate(value):
            if place:
                yield ","
            self._way.append(f"at {type_name(value)} index {place}")
            yield from self.pieces(item, depth + 1)
            self._way.pop()
        yield "]"

    def _refused(self, message: str) -> BuildError:
        return BuildError("json.encode(): " + "".join(f"{step}: " for step in self._way) + message)


def _encode_indent(x: Value, /, *, prefix: Any = "", indent: Any = "\t") -> str:
    return _indent(_encode(x), prefix=prefix, indent=indent)


def _indent(s: Any, /, *, prefix: Any = "", indent: Any = "\t") -> str:
    prefix, indent = _string(prefix, "indent", "prefix"), _string(indent, "indent", "indent")
    parts: list[str] = []
    depth = size = 0
    for piece in _tokens(_string(s, "indent", "s")):
        if piece[0] in "]}":
            depth -= 1
            if parts[-1] not in ("[", "{"):
                parts.append(f"\n{prefix}{indent * depth}")
        elif parts and (parts[-1] in ("[", "{") or parts[-1] == ","):
            parts.append(f"\n{prefix}{indent * depth}")
        parts.append(": " if piece == ":" else piece)
        depth += piece[0] in "[{"
        size += len(parts[-1]) + (len(prefix) + len(indent) * depth)
        check_length(size)
    return "".join(parts)


def _tokens(text: str) -> Iterator[str]:
    """The tokens of JSON text, its blanks left out."""
    place = 0
    while place < len(text):
        char = text[place]
        start = place
        place += 1
        if char in " \t\r\n":
            continue
        if char == '"':
            while place < len(text) and text[place] != '"':
                place += 2 if text[place] == "\\" else 1
            place += 1
        elif char not in "[]{},:":
            while place < len(text) and text[place] not in ' \t\r\n[]{},:"':
                place += 1
        yield text[start:place]


def _decode(x: Any, /, default: Value = _MISSING) -> Value:
    text = _string(x, "decode", "x")
    try:
        return _parsed(text)
    except (ValueError, RecursionError) as error:
        if default is not _MISSING:
            return default
        message = str(error) if isinstance(error, ValueError) else "nesting depth limit exceeded"
        raise BuildError(f"json.decode(): {message[:1].lower()}{message[1:]}") from None


def _parsed(text: str) -> Value:
    depth = deepest = 0
    for piece in _tokens(text):
        depth += (piece in "[{") - (piece in "]}")
        deepest = max(deepest, depth)
    if deepest > DEPTH:
        raise ValueError("nesting depth limit exceeded")
    value: Any = json.loads(text, parse_constant=_refuse, parse_int=_integer, object_pairs_hook=Dict)
    return _lists(value)


def _lists(value: Any) -> Value:
    if type(value) is list:
        return List([_lists(item) for item in value])
    if type(value) is Dict:
        for key, item in value.entries.items():
            value.entries[key] = _lists(item)
    if type(value) is str:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _integer(digits: str) -> int:
    check_digits(len(digits), 10)
    return check_integer(int(digits))


def _refuse(constant: str) -> None:
    raise ValueError(f"'{constant}' is no number of JSON")


class JsonModule(HostValue):
    """The namespace `json`."""

    type_name = "module"
    _members: ClassVar[dict[str, Value]] = {
        "encode": Builtin("json.encode", _encode, plain=True),
        "encode_indent": Builtin("json.encode_indent", _encode_indent, plain=True),
        "indent": Builtin("json.indent", _indent, plain=True),
        "decode": Builtin("json.decode", _decode, plain=True),
    }

    def attribute(self, name: str) -> Value:
        """One function."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)

    def represent(self) -> str:
        """What `repr` shows."""
        return "<module json>"
