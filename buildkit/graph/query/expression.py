"""The tree of a query expression.

In: nothing. Out: the nodes that the parser makes and evaluation walks. Each knows its place in the expression, whose
"file" is called `PLACE`.
"""

from __future__ import annotations

from buildkit.errors import Span
from buildkit.records import dataclass

PLACE = "<expression>"


@dataclass(frozen=True, slots=True)
class Word:
    """A target pattern, or a word that a function takes."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A depth or a count."""

    value: int
    span: Span


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value in body`."""

    name: str
    value: Expression
    body: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class WordSet:
    """`set(a b c)`."""

    words: tuple[Word, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Operation:
    """`first + a - b …`, from the left; the signs are '+', '-' and '^'."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Invocation:
    """`name(arguments)`."""

    name: str
    arguments: tuple[Argument, ...]
    span: Span


Expression = Word | Variable | Let | WordSet | Operation | Invocation
Argument = Expression | Number
