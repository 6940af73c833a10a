"""What all compilers of syntax share: the file being compiled, and the shapes of the closures they make.

A frame is a list: the thread, then the function's slots. The closures of one file share its list of globals. What can
be decided once (where a name lives, which operator, how many arguments) is decided while compiling, so that running is
only calling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from buildkit.errors import BuildError, Span
from buildkit.lang import syntax
from buildkit.lang.resolver import Resolution
from buildkit.lang.thread import place
from buildkit.lang.values import List, Value

Frame: TypeAlias = list[Any]
Run: TypeAlias = Callable[[Frame], Any]
Store: TypeAlias = Callable[[Frame, Any], None]


@dataclass(frozen=True, slots=True)
class Unit:
    """One file being compiled."""

    file: syntax.File
    resolution: Resolution
    predeclared: Mapping[str, Value]
    globals: list[Any]
    compilers: Mapping[type, Callable[[Unit, Any], Run]]

    def compile(self, node: Any) -> Run:
        """The closure that computes an expression."""
        return self.compilers[type(node)](self, node)

    def span(self, node: Any) -> Span:
        """The place of a node."""
        return self.file.span(node.start, node.end)

    def place(self, error: BuildError, node: Any) -> BuildError:
        """An error with the place of a node, unless it has one."""
        return place(error, self.span(node)) if error.span is None else error


def charge(frame: Frame, value: Any, unit: Unit, node: Any) -> None:
    """Large results cost steps, so that the bound on steps bounds memory and time as well."""
    kind = type(value)
    if kind is str or kind is bytes:
        cost = len(value) >> 4
    elif kind is List or kind is tuple:
        cost = len(value)
    else:
        return
    try:
        frame[0].charge(cost)
    except BuildError as error:
        raise unit.place(error, node) from None
