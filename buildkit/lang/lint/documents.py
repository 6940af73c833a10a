"""Public functions, rules and attributes that do not say what they are."""

from __future__ import annotations

from collections.abc import Iterator

from buildkit.lang import syntax
from buildkit.lang.lint.finding import Place
from buildkit.lang.lint.walk import argument, called, text_of, walk


def check(file: syntax.File) -> Iterator[Place]:
    """All findings about the documentation of a .bzl file."""
    if file.build_file:
        return
    for statement in file.statements:
        if isinstance(statement, syntax.Definition):
            yield from _function(statement)
        elif isinstance(statement, syntax.Assignment):
            yield from _rule(statement)
    for node in walk(file.statements):
        if isinstance(node, syntax.Mapping):
            yield from _attributes(node)


def _function(function: syntax.Definition) -> Iterator[Place]:
    name, first = function.name, function.body[0]
    if name.name.startswith("_"):
        return
    if not isinstance(first, syntax.Evaluation) or text_of(first.value) is None:
        message = f"the public function '{name.name}' has no docstring"
        hint = "begin its body with a string that says what it does"
        yield Place(name.start, name.end, "function-docstring", message, hint)


def _rule(statement: syntax.Assignment) -> Iterator[Place]:
    name, value = statement.target, statement.value
    if not isinstance(name, syntax.Name) or name.name.startswith("_"):
        return
    if isinstance(value, syntax.Invocation) and called(value) == "rule" and not _has_doc(value):
        yield Place(name.start, name.end, "rule-doc", f"the rule '{name.name}' has no doc", "give rule(…) a 'doc'")


def _attributes(mapping: syntax.Mapping) -> Iterator[Place]:
    for key, value in mapping.entries:
        name = text_of(key)
        if name is None or name.startswith("_") or not isinstance(value, syntax.Invocation):
            continue
        if called(value).startswith("attr.") and not _has_doc(value):
            message = f"the attribute '{name}' has no doc"
            yield Place(key.start, key.end, "attribute-doc", message, f"give {called(value)}(…) a 'doc'")


def _has_doc(call: syntax.Invocation) -> bool:
    doc = argument(call, "doc")
    return (doc is not None and text_of(doc.value) != "") or any(one.kind == "**" for one in call.arguments)
