"""Where a call stands in a file; spans are worked out only when an error or a builtin asks for them.

In: the call's node. Out: its place, and those of its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

from buildkit.errors import Span
from buildkit.lang import syntax


class CodeSite:
    """The place of a call in a file."""

    __slots__ = ("file", "node")

    def __init__(self, file: syntax.File, node: syntax.Invocation) -> None:
        self.file = file
        self.node = node

    @property
    def span(self) -> Span:
        """The call expression."""
        return self.file.span(self.node.start, self.node.end)

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Keyword → the place of its name; position → the place of the argument."""
        offsets: dict[str | int, tuple[int, int]] = {}
        position = 0
        for start, end, kind, name, _ in self.node.arguments:
            if kind == "=":
                offsets[name] = (start, start + len(name))
            elif kind == "":
                offsets[position] = (start, end)
                position += 1
        return syntax.Places(self.file.path, self.file.lines, offsets)
