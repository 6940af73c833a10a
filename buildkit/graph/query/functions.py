"""The functions of the query language.

In: the graph that is asked, and a call's arguments, evaluated: labels, words, numbers. Out: labels. `FUNCTIONS` is the
whole of `mbuild query`; cquery and aquery have a few more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from buildkit.errors import BuildError
from buildkit.graph.query.attribute_text import texts
from buildkit.graph.query.expression import Invocation, Number, Word
from buildkit.graph.query.loaded import Labels, Loaded
from buildkit.graph.query.paths import reachable, reaching, some_path
from buildkit.graph.query.signature import Signature
from buildkit.graph.query.suites import tests_in
from buildkit.label import Label
from buildkit.records import dataclass

# A word, a number, or the labels that an expression gave; the call is for its place in errors.
Run = Callable[[Loaded, Sequence[Any], Invocation], Labels]


@dataclass(frozen=True, slots=True)
class Function:
    """A function: what it takes, what it does, and one line of help."""

    signature: Signature
    run: Run
    doc: str


FUNCTIONS: dict[str, Function] = {}


def _function(form: str, doc: str) -> Callable[[Run], Run]:
    def note(run: Run) -> Run:
        signature = Signature.of(form)
        FUNCTIONS[signature.name] = Function(signature, run, doc)
        return run

    return note


# Walks


@_function("deps(expression[, depth])", "what targets need, themselves included; at most so many steps away")
def _deps(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    starts, *depth = arguments
    return reachable(starts, graph.needs, _steps(depth))


@_function("rdeps(universe, expression[, depth])", "what needs targets, within the closure of a universe")
def _rdeps(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    universe, ends, *depth = arguments
    return reaching(universe, ends, graph.needs, _steps(depth))


@_function("allrdeps(expression[, depth])", "what needs targets, within --universe-scope (default: //...)")
def _allrdeps(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    ends, *depth = arguments
    return reaching(graph.universe(), ends, graph.needs, _steps(depth))


@_function("same_pkg_direct_rdeps(expression)", "targets of the same packages that need them directly")
def _same_package(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    (ends,) = arguments
    found: Labels = {}
    for package in graph.packages(ends).values():
        for member in graph.members(package):
            if any(need in ends and need.package == package.name for need in graph.needs(member)):
                found[member] = None
    return found


@_function("allpaths(from, to)", "everything on any path between two sets")
def _allpaths(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    starts, ends = arguments
    return reaching(starts, ends, graph.needs)


@_function("somepath(from, to)", "one shortest path between two sets, or nothing")
def _somepath(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    starts, ends = arguments
    return dict.fromkeys(some_path(starts, ends, graph.needs))


def _steps(depth: Sequence[Number]) -> int | None:
    return depth[0].value if depth else None


# Filters


@_function("filter(pattern, expression)", "targets whose label matches a regular expression, anywhere in it")
def _filter(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    word, labels = arguments
    matches = regex(word).search
    return {label: None for label in labels if matches(str(label))}


@_function("kind(pattern, expression)", "targets of a kind, such as 'genrule rule' or 'source file'")
def _kind(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    word, labels = arguments
    matches = regex(word).search
    return {label: None for label in labels if (target := graph.target(label)) and matches(target.kind)}


@_function("attr(attribute, pattern, expression)", "rules whose attribute's text matches a regular expression")
def _attr(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    name, word, labels = arguments
    matches = regex(word).search
    found: Labels = {}
    for label in labels:
        target = graph.target(label)
        if target and any(matches(one) for one in texts(target, name.text)):
            found[label] = None
    return found


@_function("visible(predicate, expression)", "targets that every target of the first set may depend on")
def _visible(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    seeing, labels = arguments
    packages = sorted({label.package for label in seeing})
    found: Labels = {}
    for label in labels:
        target = graph.target(label)
        if target and all(graph.visible(target, package) for package in packages):
            found[label] = None
    return found


@_function("executables(expression)", "rules whose output can be run, tests among them")
def _executables(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    (labels,) = arguments
    return {label: None for label in labels if (target := graph.target(label)) and graph.is_executable(target)}


def regex(word: Word) -> re.Pattern[str]:
    """A regular expression. Raises BuildError at the word where it is none."""
    try:
        return re.compile(word.text)
    except (re.error, RecursionError, OverflowError) as error:
        raise BuildError(
            f"'{word.text}' is not a regular expression: {error}",
            span=word.span,
            hint="signs such as * + ? ( [ are taken literally after a backslash",
        ) from None


# Parts and neighbours


@_function("some(expression[, count])", "one target, or so many, of a set that must not be empty")
def _some(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    labels, *count = arguments
    if not labels:
        raise BuildError("the argument of some() is empty", span=call.span)
    return dict.fromkeys(list(labels)[: count[0].value if count else 1])


@_function("labels(attribute, expression)", "the targets that an attribute of rules names")
def _labels(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    name, labels = arguments
    found: Labels = {}
    for label in labels:
        if target := graph.target(label):
            found |= dict.fromkeys(graph.named_in(target, name.text))
    return found


@_function("siblings(expression)", "everything in the packages of targets")
def _siblings(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    (labels,) = arguments
    packages = graph.packages(labels).values()
    return {member: None for package in packages for member in graph.members(package)}


@_function("tests(expression)", "tests, with each test_suite replaced by the tests that it holds")
def _tests(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    (labels,) = arguments
    return tests_in(graph, labels)


# Files of code


@_function("buildfiles(expression)", "the BUILD and .bzl files that packages are made of")
def _buildfiles(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    (labels,) = arguments
    found: Labels = {}
    for package in graph.packages(labels).values():
        found |= {Label("", package.name, package.path.rpartition("/")[2]): None}
        found |= dict.fromkeys(package.loads)
        found |= {label: None for loaded in package.loads if (label := _build_file(graph, loaded))}
    return found


@_function("loadfiles(expression)", "the .bzl files that packages load, directly or not")
def _loadfiles(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    (labels,) = arguments
    return {loaded: None for package in graph.packages(labels).values() for loaded in package.loads}


@_function("rbuildfiles(path[, …])", "BUILD files, within --universe-scope, of packages that such files are part of")
def _rbuildfiles(graph: Loaded, arguments: Sequence[Any], call: Invocation) -> Labels:
    paths = {word.text for word in arguments}
    found: Labels = {}
    for package in graph.packages(reachable(graph.universe(), graph.needs)).values():
        if package.path in paths or any(loaded.path in paths for loaded in package.loads):
            found[Label("", package.name, package.path.rpartition("/")[2])] = None
    return found


def _build_file(graph: Loaded, loaded: Label) -> Label | None:
    """The BUILD file of the package that a .bzl file is in; the workspace's files only."""
    path = None if loaded.repository else graph.loader.files.build_file(loaded.package)
    return Label("", loaded.package, path.rpartition("/")[2]) if path else None
