"""Values → text: `repr`, `str`, the `%` operator and `str.format`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.limits import DEPTH, NODES, check_length, check_time, spend, too_deep
from buildkit.lang.range import Range
from buildkit.lang.values import Dict, HostValue, List, Set, Struct, Value, type_name

_BLOCK = 1 << 18
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def represent(value: Value) -> str:
    """What `repr` gives."""
    return _Writer().text(value, write_strings=True)


def display(value: Value) -> str:
    """What `str` and `print` give: strings as they are, the engine's values as they choose, all else as `repr`."""
    if type(value) is str:
        return value
    return value.display() if isinstance(value, HostValue) else represent(value)


def quote(text: str) -> str:
    """A string as a literal in double quotes."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    parts, length = [], 0
    for start in range(0, len(text), _BLOCK):
        check_time()
        parts.append("".join(map(_escaped, text[start : start + _BLOCK])))
        length += len(parts[-1])
        check_length(length)
    return '"' + "".join(parts) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote_bytes(data: bytes) -> str:
    """Bytes as a literal."""
    return 'b"' + "".join(map(_escaped_byte, data.decode("utf-8", "surrogateescape"))) + '"'


def _escaped_byte(char: str) -> str:
    """A character, or a byte that is part of none, which decoding has made a surrogate."""
    return f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else _escaped(char)


def float_text(value: float) -> str:
    """A float as `str` shows it: always with a point or an exponent."""
    if math.isinf(value):
        return "+inf" if value > 0 else "-inf"
    if math.isnan(value):
        return "nan"
    return repr(value)


class _Writer:
    """Writes a value; remembers what it is inside of, so that a list that holds itself ends."""

    def __init__(self) -> None:
        self._inside: list[int] = []
        self._length = 0
        self._budget = [NODES]

    def text(self, value: Any, *, write_strings: bool = True) -> str:
        kind = type(value)
        if kind is str:
            return self._counted(quote(value) if write_strings else value)
        if kind is int or kind is bool or value is None:
            return str(value)
        if kind is float:
            return float_text(value)
        if kind is bytes:
            return self._counted(quote_bytes(value))
        if kind is tuple or kind is List or kind is Dict or kind is Set or isinstance(value, Struct):
            return self._container(value, kind)
        if kind is Range:
            return _range_text(value.numbers)
        if isinstance(value, HostValue):
            return self._counted(value.represent())
        return f"<{type_name(value)}>"

    def _counted(self, text: str) -> str:
        self._length += len(text)
        check_length(self._length)
        return text

    def _container(self, value: Any, kind: type) -> str:
        if id(value) in self._inside:
            return "{...}" if kind is Dict else "[...]"
        if len(self._inside) >= DEPTH:
            raise too_deep("shown")
        self._inside.append(id(value))
        try:
            return self._counted(self._elements(value, kind))
        finally:
            self._inside.pop()

    def _elements(self, value: Any, kind: type) -> str:
        if kind is List:
            return "[" + self._joined(value.items) + "]"
        if kind is tuple:
            return "(" + self._joined(value) + (",)" if len(value) == 1 else ")")
        if kind is Set:
            return "set([" + self._joined(list(value)) + "])" if value.entries else "set()"
        if kind is Dict:
            spend(self._budget, len(value), "shown")
            return "{" + ", ".join(f"{self.text(key)}: {self.text(item)}" for key, item in value.items()) + "}"
        name = value.constructor if type(value.constructor) is str else type_name(value)
        return f"{name}(" + ", ".join(f"{key} = {self.text(item)}" for key, item in value.fields.items()) + ")"

    def _joined(self, items: Sequence[Value]) -> str:
        spend(self._budget, len(items), "shown")
        return ", ".join([self.text(item) for item in items])


def _range_text(numbers: range) -> str:
    if numbers.step != 1:
        return f"range({numbers.start}, {numbers.stop}, {numbers.step})"
    return f"range({numbers.start}, {numbers.stop})"


def interpolate(pattern: str, arguments: Value) -> str:
    """`pattern % arguments`."""
    values: Sequence[Value] = arguments if type(arguments) is tuple else (arguments,)
    parts: list[str] = []
    used = position = 0
    while True:
        if not len(parts) & 0xFFFE:
            check_time()
        place = pattern.find("%", position)
        if place < 0:
            break
        parts.append(pattern[position:place])
        code = pattern[place + 1 : place + 2]
        position = place + 2
        if code == "%":
            parts.append("%")
            continue
        if not code:
            raise BuildError("incomplete format pattern ends with '%': use %% for literal percent sign")
        if code == "(":
            end = pattern.find(")", position)
            code, position, value = pattern[end + 1 : end + 2], end + 2, _named(arguments, pattern[position:end], end)
            used = len(values)
        else:
            if code not in "srdioxXcfFeEgG":
                raise BuildError(f"unsupported format character '%{code}': use %% for literal percent sign")
            if used >= len(values):
                raise BuildError(
                    "not enough arguments for format string " + quote(pattern) + f": {represent(tuple(values))}"
                )
            value = values[used]
            used += 1
        parts.append(_converted(code, value))
    if used < len(values) and not (type(arguments) is Dict and not parts):
        raise BuildError(
            f"too many arguments for format string: not all arguments converted, {len(values)} values for {used}"
        )
    parts.append(pattern[position:])
    check_length(sum(map(len, parts)))
    return "".join(parts)


def _named(arguments: Value, name: str, end: int) -> Value:
    if end < 0:
        raise BuildError("incomplete format pattern: '%(' is never closed")
    if type(arguments) is not Dict:
        raise BuildError(f"format '%({name})' requires a dict, found '{type_name(arguments)}'")
    if name not in arguments:
        raise BuildError(f"format pattern names the missing key '{name}'")
    return arguments[name]


def _converted(code: str, value: Any) -> str:
    if code == "s":
        return display(value)
    if code == "r":
        return represent(value)
    if code == "c":
        return _character(value)
    if type(value) is not int and type(value) is not float:
        raise _no_number(code, value)
    if code in "fFeEgG":
        return _float(code, value)
    if type(value) is float:
        if math.isnan(value) or math.isinf(value):
            raise no_integer(value)
        value = int(value)
    return format(value, code if code in "xXo" else "d")


def _character(value: Any) -> str:
    if type(value) is int:
        if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000:
            return chr(value)
        raise BuildError(f"format '%c' requires a valid Unicode code point, got {brief(value)}")
    if type(value) is not str:
        raise BuildError(f"format '%c' requires int or single-character string, not {type_name(value)}")
    if len(value) != 1:
        raise BuildError(f"format '%c' requires a single-character string, got {brief(value)}")
    return value


def _no_number(code: str, value: Value) -> BuildError:
    kind = type_name(value)
    if code in "fFeEgG":
        return BuildError(f"format '%{code}' requires float, not {kind}: want a number")
    return BuildError(f"format '%{code}' requires a number: cannot convert {kind} to int")


def no_integer(value: float) -> BuildError:
    """The error for a float that is no number."""
    return BuildError(f"cannot convert float {'NaN' if math.isnan(value) else 'infinity'} to integer")


def _float(code: str, value: float) -> str:
    number = to_float(value)
    if math.isinf(number) or math.isnan(number):
        return float_text(number)
    if code in "gG":
        text = float_text(number)
        return text.upper() if code == "G" else text
    return format(number, code)


def to_float(value: int | float) -> float:
    """A number as a float. Raises BuildError where an integer is too large."""
    try:
        return float(value)
    except OverflowError:
        raise BuildError("int too large to convert to float") from None


def brief(value: Value) -> str:
    """A value for an error message: as `repr` shows it, or its type where that is long."""
    text = represent(value)
    return text if len(text) <= 60 else f"of type '{type_name(value)}'"


def format_string(pattern: str, positional: Sequence[Value], keyword: dict[str, Value]) -> str:
    """`pattern.format(*positional, **keyword)`."""
    parts: list[str] = []
    position, automatic, manual = 0, 0, False
    while position < len(pattern):
        char = pattern[position]
        if char not in "{}":
            stop = min(
                (place for place in (pattern.find("{", position), pattern.find("}", position)) if place >= 0),
                default=len(pattern),
            )
            parts.append(pattern[position:stop])
            position = stop
            continue
        if pattern[position : position + 2] == char * 2:
            parts.append(char)
            position += 2
            continue
        if char == "}":
            raise BuildError("single '}' in format pattern: use '}}' for a literal one")
        end = pattern.find("}", position)
        if end < 0:
            raise BuildError("unmatched '{' in format pattern: use '{{' for a literal one")
        name, show = _conversion(pattern[position + 1 : end])
        position = end + 1
        if name == "" or name.isdecimal():
            if (manual and name == "") or (automatic and name != ""):
                raise BuildError(
                    "cannot switch from automatic field numbering to manual: cannot mix the two in a format pattern"
                )
            manual = manual or name != ""
            number = _number(name) if name else automatic
            automatic += name == ""
            if number >= len(positional):
                raise BuildError(f"no replacement found for index {number}: tuple index out of range")
            parts.append(show(positional[number]))
            continue
        _check_field(name)
        if name not in keyword:
            raise _missing(name)
        parts.append(show(keyword[name]))
    check_length(sum(map(len, parts)))
    return "".join(parts)


def _conversion(field: str) -> tuple[str, Callable[[Value], str]]:
    """A replacement field's name, and how its value is shown: `{x!r}` as `repr` does."""
    name, mark, code = field.partition("!")
    if mark and code not in ("r", "s"):
        raise BuildError(f"unknown conversion '!{code}' in format pattern: expected '!s' or '!r'")
    return name, represent if code == "r" else display


def _number(digits: str) -> int:
    """An index; one of many digits is beyond all arguments, whatever it is."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) < 10 else 10**10


def _missing(name: str) -> BuildError:
    if name[1:].isdecimal() and name[0] == "-":
        return BuildError(f"no replacement found for index {name}: keyword {name} not found")
    return BuildError(f"missing argument '{name}' for format pattern: keyword {name} not found")


def _check_field(name: str) -> None:
    if "{" in name:
        raise BuildError("nested replacement fields are not supported in a format pattern")
    for char in ".[],:":
        if char in name:
            known = {".": "syntax x.y is not supported", "[": "syntax a[i] is not supported"}
            said = known.get(char, f"keyword {name} not found")
            raise BuildError(f"invalid character '{char}' inside replacement field '{name}': {said}")
