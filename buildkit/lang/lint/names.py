"""Names that are bound and never read, or bound twice."""

from __future__ import annotations

from collections.abc import Iterator

from buildkit.lang import syntax
from buildkit.lang.lint.finding import Place
from buildkit.lang.lint.walk import argument, names_read, text_of, walk


def check(file: syntax.File) -> Iterator[Place]:
    """All findings about names in a file."""
    yield from _loads(file)
    yield from _top_level(file)
    for node in walk(file.statements):
        if isinstance(node, syntax.Definition):
            yield from _locals(node)
        elif isinstance(node, syntax.Mapping):
            yield from _keys(node)
    if file.build_file:
        yield from _targets(file)
    yield from _redefined(file)


def _loads(file: syntax.File) -> Iterator[Place]:
    read = names_read(file.statements)
    seen: set[str] = set()
    others = False
    for statement in file.statements:
        if not isinstance(statement, syntax.Load):
            others = others or not _is_docstring(statement)
            continue
        if others:
            hint = "run 'mbuild fmt'"
            yield Place(statement.start, statement.end, "load-on-top", "load below other statements", hint)
        useless = [name for name in statement.names if name.local not in read or name.local in seen]
        whole = len(useless) == len(statement.names)
        for name in useless:
            message = f"'{name.local}' is loaded " + ("twice" if name.local in read else "and never used")
            removes = (statement.start, statement.end) if whole else (name.start, name.end)
            yield Place(name.start, name.end, "load", message, "remove it", removes)
        seen |= {name.local for name in statement.names}


def _is_docstring(statement: syntax.Statement) -> bool:
    return isinstance(statement, syntax.Evaluation) and text_of(statement.value) is not None


def _top_level(file: syntax.File) -> Iterator[Place]:
    read = names_read(file.statements)
    for statement in file.statements:
        if isinstance(statement, syntax.Definition):
            name = statement.name
            if name.name.startswith("_") and name.name not in read:
                yield Place(
                    name.start, name.end, "unused-variable", f"function '{name.name}' is never used", "remove it"
                )
        elif isinstance(statement, syntax.Assignment) and isinstance(statement.target, syntax.Name):
            name = statement.target
            hidden = file.build_file or name.name.startswith("_")
            if hidden and name.name not in read:
                removes = (statement.start, statement.end) if _is_pure(statement.value) else None
                message = f"variable '{name.name}' is never read"
                yield Place(name.start, name.end, "unused-variable", message, "remove it", removes)


def _is_pure(value: syntax.Expression) -> bool:
    """Whether leaving an expression out changes nothing: it neither calls nor can fail."""
    plain = (syntax.Name, syntax.Literal, syntax.Sequence, syntax.Mapping)
    return all(isinstance(node, plain) and not _may_fail(node) for node in walk(value))


def _may_fail(node: syntax.Expression) -> bool:
    """Whether it is a dict whose keys may be equal, or not hashable."""
    if not isinstance(node, syntax.Mapping):
        return False
    keys = {text_of(key) for key, _ in node.entries}
    return None in keys or len(keys) < len(node.entries)


def _locals(function: syntax.Definition) -> Iterator[Place]:
    read = names_read(function.body)
    for statement in _own(function.body):
        if isinstance(statement, syntax.Assignment) and isinstance(statement.target, syntax.Name):
            name = statement.target
            if name.name not in read and not name.name.startswith("_"):
                message = f"variable '{name.name}' is never read"
                hint = "remove it, or begin its name with '_'"
                yield Place(name.start, name.end, "unused-variable", message, hint)


def _own(statements: tuple[syntax.Statement, ...]) -> Iterator[syntax.Statement]:
    """The statements of a function, without those of functions in it."""
    for statement in statements:
        yield statement
        if isinstance(statement, syntax.Loop):
            yield from _own(statement.body)
        elif isinstance(statement, syntax.Branch):
            for _, body in statement.branches:
                yield from _own(body)
            yield from _own(statement.otherwise)


def _keys(mapping: syntax.Mapping) -> Iterator[Place]:
    seen: set[tuple[type, object]] = set()
    for key, _ in mapping.entries:
        if isinstance(key, syntax.Literal):
            if (type(key.value), key.value) in seen:
                message = f"the dict has the key {key.value!r} twice"
                yield Place(key.start, key.end, "duplicated-name", message, "remove one: evaluating it fails")
            seen.add((type(key.value), key.value))


def _targets(file: syntax.File) -> Iterator[Place]:
    seen: dict[str, int] = {}
    for statement in file.statements:
        if not isinstance(statement, syntax.Evaluation) or not isinstance(statement.value, syntax.Invocation):
            continue
        named = argument(statement.value, "name")
        name = text_of(named.value) if named else None
        if named is None or name is None:
            continue
        if name in seen:
            line = file.span(seen[name], seen[name]).line
            message = f"the target '{name}' is declared twice: first on line {line}"
            yield Place(named.value.start, named.value.end, "duplicated-name", message, "rename one")
        seen.setdefault(name, statement.start)


def _redefined(file: syntax.File) -> Iterator[Place]:
    seen: dict[str, int] = {}
    for statement in file.statements:
        if isinstance(statement, syntax.Definition):
            name = statement.name
            if name.name in seen:
                line = file.span(seen[name.name], seen[name.name]).line
                message = f"function '{name.name}' takes the place of the one on line {line}"
                yield Place(name.start, name.end, "redefined-variable", message, "rename one")
            seen.setdefault(name.name, name.start)
