"""The syntax tree of one file: what the parser gives and the resolver and compiler read.

Nodes are named tuples: immutable, quick to make and compact to pickle. `start` and `end` are offsets into the text;
`File.span` turns them into a place that people understand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import abc
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from buildkit.errors import Span
from buildkit.records import dataclass


class Name(NamedTuple):
    """A name that is read or bound."""

    start: int
    end: int
    name: str


class Literal(NamedTuple):
    """A number, a string or bytes."""

    start: int
    end: int
    value: int | float | str | bytes


class Sequence(NamedTuple):
    """`[a, b]`, `(a, b)` or `a, b`; `kind` is 'list' or 'tuple'."""

    start: int
    end: int
    kind: str
    items: tuple[Expression, ...]


class Mapping(NamedTuple):
    """`{key: value}`."""

    start: int
    end: int
    entries: tuple[tuple[Expression, Expression], ...]


class Unary(NamedTuple):
    """`-x`, `+x`, `~x`, `not x`."""

    start: int
    end: int
    operator: str
    operand: Expression


class Binary(NamedTuple):
    """`a + b - c`: operators of one precedence, grouped to the left; flat, so that long sums are not deep trees."""

    start: int
    end: int
    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


class Conditional(NamedTuple):
    """`then if condition else otherwise`."""

    start: int
    end: int
    condition: Expression
    then: Expression
    otherwise: Expression


class Parameter(NamedTuple):
    """`x`, `x = default`, `*args`, `*` or `**kwargs`; `kind` is '', '*' or '**'."""

    start: int
    end: int
    kind: str
    name: str
    default: Expression | None


class Lambda(NamedTuple):
    """`lambda parameters: body`."""

    start: int
    end: int
    parameters: tuple[Parameter, ...]
    body: Expression


class Argument(NamedTuple):
    """`x`, `name = x`, `*x` or `**x`; `kind` is '', '=', '*' or '**'. A named one starts with its name."""

    start: int
    end: int
    kind: str
    name: str
    value: Expression


class Invocation(NamedTuple):
    """`function(arguments)`."""

    start: int
    end: int
    function: Expression
    arguments: tuple[Argument, ...]


class Dot(NamedTuple):
    """`value.name`; the name starts at `name_start` and ends at `end`."""

    start: int
    end: int
    value: Expression
    name: str
    name_start: int


class Index(NamedTuple):
    """`value[key]`."""

    start: int
    end: int
    value: Expression
    key: Expression


class Slice(NamedTuple):
    """`value[low:high:step]`."""

    start: int
    end: int
    value: Expression
    low: Expression | None
    high: Expression | None
    step: Expression | None


class ForClause(NamedTuple):
    """`for target in iterable` of a comprehension."""

    start: int
    end: int
    target: Expression
    iterable: Expression


class IfClause(NamedTuple):
    """`if condition` of a comprehension."""

    start: int
    end: int
    condition: Expression


class Comprehension(NamedTuple):
    """`[element for …]`, or with a `key` `{key: element for …}`."""

    start: int
    end: int
    key: Expression | None
    element: Expression
    clauses: tuple[ForClause | IfClause, ...]


Expression: TypeAlias = (
    Name
    | Literal
    | Sequence
    | Mapping
    | Unary
    | Binary
    | Conditional
    | Lambda
    | Invocation
    | Dot
    | Index
    | Slice
    | Comprehension
)


class Evaluation(NamedTuple):
    """An expression that stands alone as a statement."""

    start: int
    end: int
    value: Expression


class Assignment(NamedTuple):
    """`target = value`."""

    start: int
    end: int
    target: Expression
    value: Expression


class Augmented(NamedTuple):
    """`target += value` and its kin; `operator` is without the '='."""

    start: int
    end: int
    operator: str
    target: Expression
    value: Expression


class Return(NamedTuple):
    """`return value`."""

    start: int
    end: int
    value: Expression | None


class Jump(NamedTuple):
    """`break`, `continue` or `pass`."""

    start: int
    end: int
    keyword: str


class Loop(NamedTuple):
    """`for target in iterable: body`."""

    start: int
    end: int
    target: Expression
    iterable: Expression
    body: tuple[Statement, ...]


class Branch(NamedTuple):
    """`if` with its `elif`s as (condition, body), and the `else` body."""

    start: int
    end: int
    branches: tuple[tuple[Expression, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...]


class Definition(NamedTuple):
    """`def name(parameters): body`."""

    start: int
    end: int
    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


class LoadName(NamedTuple):
    """One name of a load: `"original"` or `local = "original"`."""

    start: int
    end: int
    local: str
    original: str


class Load(NamedTuple):
    """`load("module", names)`."""

    start: int
    end: int
    module: Literal
    names: tuple[LoadName, ...]


Statement: TypeAlias = Evaluation | Assignment | Augmented | Return | Jump | Loop | Branch | Definition | Load


@dataclass(frozen=True, slots=True)
class File:
    """One parsed file. `lines` holds the offset at which each line starts."""

    path: str
    build_file: bool
    statements: tuple[Statement, ...]
    lines: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """The place of the text between two offsets."""
        return span_of(self.path, self.lines, start, end)

    def loads(self) -> tuple[tuple[str, Span], ...]:
        """The modules that the file loads, with the place of each name."""
        found = [statement.module for statement in self.statements if type(statement) is Load]
        return tuple((str(module.value), self.span(module.start, module.end)) for module in found)


class Places(abc.Mapping[str | int, Span]):
    """Places in one file, worked out when they are asked for: most never are."""

    __slots__ = ("_lines", "_offsets", "_path")

    def __init__(self, path: str, lines: tuple[int, ...], offsets: abc.Mapping[str | int, tuple[int, int]]) -> None:
        self._path = path
        self._lines = lines
        self._offsets = offsets

    def __getitem__(self, key: str | int) -> Span:
        return span_of(self._path, self._lines, *self._offsets[key])

    def __iter__(self) -> Iterator[str | int]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)

    def __contains__(self, key: object) -> bool:
        return key in self._offsets

    def __reduce__(self) -> tuple[object, ...]:
        return Places, (self._path, self._lines, self._offsets)


def line_starts(source: str) -> tuple[int, ...]:
    """The offset at which each line of a text starts."""
    return (0, *accumulate([len(line) + 1 for line in source.split("\n")[:-1]]))


def span_of(path: str, lines: tuple[int, ...], start: int, end: int) -> Span:
    """The place of the text between two offsets, given where lines start."""
    first, last = bisect_right(lines, start), bisect_right(lines, end)
    return Span(path, first, start - lines[first - 1] + 1, last, end - lines[last - 1] + 1)
