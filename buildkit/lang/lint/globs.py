"""Calls of glob in a BUILD file, with the patterns that are written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from buildkit.lang import syntax
from buildkit.lang.lint.finding import Place
from buildkit.lang.lint.walk import argument, called, text_of, walk


class Glob(NamedTuple):
    """One call's patterns, as literals."""

    include: tuple[syntax.Literal, ...]
    exclude: tuple[syntax.Literal, ...]


def globs(file: syntax.File) -> Iterator[Glob]:
    """All calls of `glob` and `native.glob` in a file."""
    for node in walk(file.statements):
        if called(node) in ("glob", "native.glob"):
            yield Glob(_given(node, "include", 0), _given(node, "exclude", 1))


def _given(call: syntax.Invocation, name: str, position: int) -> tuple[syntax.Literal, ...]:
    positional = [one.value for one in call.arguments if one.kind == ""]
    named = argument(call, name)
    if named is not None:
        return _literals(named.value)
    return _literals(positional[position]) if position < len(positional) else ()


def check(file: syntax.File) -> Iterator[Place]:
    """Patterns that name one file."""
    for glob in globs(file):
        for pattern in glob.include:
            text = text_of(pattern) or ""
            if "*" not in text and "?" not in text:
                message = f"the glob pattern '{text}' names one file"
                hint = "write the file's name into the list beside the glob"
                yield Place(pattern.start, pattern.end, "constant-glob", message, hint)


def _literals(value: object) -> tuple[syntax.Literal, ...]:
    items = value.items if isinstance(value, syntax.Sequence) else ()
    return tuple(item for item in items if isinstance(item, syntax.Literal) and text_of(item) is not None)
