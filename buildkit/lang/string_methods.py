"""The methods of strings and bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.iteration import iterable
from buildkit.lang.limits import active, check_elements, check_length
from buildkit.lang.text import brief, format_string
from buildkit.lang.values import List, Value, type_name


def _text(value: Any, method: str, parameter: str) -> str:
    if type(value) is not str:
        raise BuildError(f"{method}(): parameter '{parameter}' got {type_name(value)}, want string")
    return value


def _bounds(self: str, start: Any, end: Any, method: str) -> tuple[int, int]:
    for name, bound in (("start", start), ("end", end)):
        if bound is not None and type(bound) is not int:
            raise BuildError(f"{method}(): parameter '{name}' got {type_name(bound)}, want int")
    low, high, _ = slice(start, end).indices(len(self))
    # Beyond the end nothing is found, not even an empty string.
    return (low, high) if start is None or start <= len(self) else (1, 0)


def _plain(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, /) -> Value:
        return function(self)

    return method


def _istitle(self: str, /) -> bool:
    # A digraph such as U+01C4 has three forms; only its title form begins a word.
    return self.istitle() and not any(char.isupper() and char.title() != char for char in self)


def _is_slow(text: str, part: str) -> bool:
    """Whether Python's search from the end, which takes up to the product of the lengths, might take seconds."""
    return len(text) * len(part) > 1 << 30


def _count(self: str, sub: Any, start: Any = None, end: Any = None, /) -> int:
    low, high = _bounds(self, start, end, "count")
    return self[low:high].count(_text(sub, "count", "sub")) if low <= high else 0


def _elems(self: str, /) -> List:
    check_elements(len(self))
    return List(list(self))


def _codepoints(self: str, /) -> List:
    check_elements(len(self))
    return List(list(self))


def _ords(self: str, /) -> List:
    check_elements(len(self))
    return List([ord(char) for char in self])


def _choice(choice: Any, method: str, number: int, affix: Any) -> str:
    if type(choice) is not str and type(affix) is tuple:
        raise BuildError(f"{method}(): parameter 'sub' got {type_name(choice)}, for element {number}, want string")
    if type(choice) is not str:
        raise BuildError(f"{method}(): parameter 'sub' got {type_name(choice)}, want string or tuple of strings")
    return choice


def _affix(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, affix: Any, start: Any = None, end: Any = None, /) -> bool:
        low, high = _bounds(self, start, end, name)
        choices = affix if type(affix) is tuple else (affix,)
        texts = tuple(_choice(choice, name, number, affix) for number, choice in enumerate(choices))
        return low <= high and function(self[low:high], texts)

    return method


def _search(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, sub: Any, start: Any = None, end: Any = None, /) -> int:
        low, high = _bounds(self, start, end, name)
        if low > high:
            return -1
        if name == "rfind" and _is_slow(self, _text(sub, name, "sub")):
            place = self[low:high][::-1].find(sub[::-1])
            return -1 if place < 0 else high - place - len(sub)
        found: int = function(self, _text(sub, name, "sub"), low, high)
        return found

    return method


def _index(name: str) -> Callable[..., Value]:
    search = _search(name)
    method_name = name.replace("find", "index")

    def method(self: str, sub: Any, start: Any = None, end: Any = None, /) -> int:
        place: Any = search(self, sub, start, end)
        if place < 0:
            raise BuildError(f"{method_name}(): substring {brief(sub)} not found")
        return place  # type: ignore[no-any-return]

    return method


def _format(self: str, /, *positional: Value, **keyword: Value) -> str:
    return format_string(self, positional, keyword)


def _join(self: str, items: Value, /) -> str:
    parts = iterable(items, "join")
    for number, part in enumerate(parts if set(map(type, parts)) - {str} else ()):
        if type(part) is not str:
            raise BuildError(f"join: in list, want string, got {type_name(part)}: element {number} must be a string")
    check_length(sum(map(len, parts)) + len(self) * len(parts))  # type: ignore[arg-type]
    return self.join(parts)  # type: ignore[arg-type]


def _strip(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, chars: Any = None, /) -> str:
        if chars is not None and _is_slow(self, _text(chars, name, "chars")):
            chars = "".join(sorted(set(chars) & set(self)))
        return function(self, chars)  # type: ignore[no-any-return]

    return method


def _partition(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, sep: Any, /) -> tuple[str, str, str]:
        if not _text(sep, name, "sep"):
            raise BuildError(f"{name}(): empty separator")
        if name == "rpartition" and _is_slow(self, sep):
            after, between, before = self[::-1].partition(sep[::-1])
            return before[::-1], between[::-1], after[::-1]
        return function(self, sep)  # type: ignore[no-any-return]

    return method


def _remove(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, affix: Any, /) -> str:
        return function(self, _text(affix, name, "affix"))  # type: ignore[no-any-return]

    return method


def _replace(self: str, old: Any, new: Any, count: Any = -1, /) -> str:
    old, new = _text(old, "replace", "old"), _text(new, "replace", "new")
    if type(count) is not int:
        raise BuildError(f"replace(): parameter 'count' got {type_name(count)}, want int")
    if len(new) > len(old):
        check_length(len(self) + self.count(old) * (len(new) - len(old)))
    return self.replace(old, new, max(count, -1) if count < 2**31 else -1)


def _split(name: str) -> Callable[..., Value]:
    function = getattr(str, name)

    def method(self: str, sep: Any = None, maxsplit: Any = None) -> List:
        if sep is not None and not _text(sep, name, "sep"):
            raise BuildError(f"{name}(): empty separator")
        if maxsplit is not None and type(maxsplit) is not int:
            raise BuildError(f"{name}(): parameter 'maxsplit' got {type_name(maxsplit)}, want int")
        most = -1 if maxsplit is None or maxsplit < 0 or maxsplit >= 2**31 else maxsplit
        most = active().elements if most < 0 else min(most, active().elements)
        if name == "rsplit" and sep is not None and _is_slow(self, sep):
            parts = [part[::-1] for part in self[::-1].split(sep[::-1], most)][::-1]
        else:
            parts = function(self, sep, most)
        check_elements(len(parts))
        return List(parts)

    return method


def _splitlines(self: str, keepends: Any = False) -> List:
    if type(keepends) is not bool:
        raise BuildError(f"splitlines(): parameter 'keepends' got {type_name(keepends)}, want bool")
    lines = self.replace("\r\n", "\n").replace("\r", "\n") if not keepends else self
    parts = lines.split("\n") if not keepends else _kept(lines)
    if parts and parts[-1] == "":
        parts.pop()
    return List(parts)


def _kept(text: str) -> list[str]:
    import re

    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


_PLAIN_METHODS = [
    "capitalize",
    "isalnum",
    "isalpha",
    "isdigit",
    "islower",
    "isspace",
    "isupper",
    "lower",
    "title",
    "upper",
]

STRING_METHODS: dict[str, Callable[..., Value]] = {
    **{name: _plain(name) for name in _PLAIN_METHODS},
    "count": _count,
    "istitle": _istitle,
    "elems": _elems,
    "codepoints": _codepoints,
    "elem_ords": _ords,
    "codepoint_ords": _ords,
    "startswith": _affix("startswith"),
    "endswith": _affix("endswith"),
    "find": _search("find"),
    "rfind": _search("rfind"),
    "index": _index("find"),
    "rindex": _index("rfind"),
    "format": _format,
    "join": _join,
    "strip": _strip("strip"),
    "lstrip": _strip("lstrip"),
    "rstrip": _strip("rstrip"),
    "partition": _partition("partition"),
    "rpartition": _partition("rpartition"),
    "removeprefix": _remove("removeprefix"),
    "removesuffix": _remove("removesuffix"),
    "replace": _replace,
    "split": _split("split"),
    "rsplit": _split("rsplit"),
    "splitlines": _splitlines,
}


def _bytes_elems(self: bytes, /) -> List:
    check_elements(len(self))
    return List(list(self))


BYTES_METHODS: dict[str, Callable[..., Value]] = {"elems": _bytes_elems}
