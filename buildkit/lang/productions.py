"""A production of the grammar → what makes its value: a method of the builder, or a list of its parts.

In: `Production`s. Out: functions of a builder and parts. Rules whose names start with '_' become lists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from buildkit.lang.build import Builder, Parts
from buildkit.lang.tables import Production

Build = Callable[[Builder, Parts], Any]

_SEPARATORS = frozenset(["COMMA", "COLON", "SEMICOLON", "NEWLINE", "INDENT", "DEDENT", "ELIF"])
_NESTED = frozenset(["call", "list", "parenthesised", "dict"])  # these take a list as one part; to others it is many


def passes(production: Production) -> bool:
    """Whether a rule's one part stands for it."""
    if len(production.symbols) != 1:
        return False
    lists = _is_list(production.origin) and _is_list(production.symbols[0])
    return production.passes or lists or production.origin == "expressions"


@cache
def build_of(production: Production) -> Build:
    """What makes a production's value of its parts."""
    if _is_list(production.origin):
        return _listing(production)
    method: Build = getattr(Builder, production.name)
    if production.name in _NESTED or not any(map(_is_list, production.symbols)):
        return method
    spread = _listing(production._replace(origin=""))
    return lambda builder, parts: method(builder, spread(builder, parts))


def _is_list(symbol: str) -> bool:
    return symbol.startswith("_")


def _listing(production: Production) -> Build:
    """Make a list of the parts: those of lists among them, and none of the tokens that only separate in a list."""
    separators = _SEPARATORS if production.origin else frozenset()
    lists = [place for place, symbol in enumerate(production.symbols) if _is_list(symbol)]
    kept = [place for place, symbol in enumerate(production.symbols) if symbol not in separators]
    if production.origin == "_elements" and production.symbols[-1] == "COMMA":
        kept.append(len(production.symbols) - 1)  # what tells '(x,)' from '(x)'
    if len(kept) == 1:
        only = kept[0]
        return (lambda builder, parts: parts[only]) if lists else (lambda builder, parts: [parts[only]])
    if len(kept) == 2 and kept[1:] == lists:
        first, second = kept
        return lambda builder, parts: [parts[first], *parts[second]]
    if kept == [*lists, len(production.symbols) - 1] and len(kept) == 2:
        return grow
    return lambda builder, parts: _spread(parts, kept, lists)


def grow(builder: Builder, parts: Parts) -> Parts:
    """A list, the token before one more part if there is one, and the part: the list with the part."""
    parts[0].append(parts[-1])
    return parts[0]  # type: ignore[no-any-return]


def _spread(parts: Parts, kept: list[int], lists: list[int]) -> Parts:
    begun = kept[0] in lists
    found: Parts = parts[kept[0]] if begun else []  # it grows in place: it has no other owner
    for place in kept[begun:]:
        if place in lists:
            found += parts[place]
        else:
            found.append(parts[place])
    return found
