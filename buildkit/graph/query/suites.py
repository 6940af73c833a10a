"""`tests(…)`: test suites are replaced by the tests that they hold.

In: the graph and labels. Out: labels of tests. A suite without `tests` holds all tests of its package that are not
tagged "manual"; its `tags` say which of them count: "small" or "+small" must be there, "-slow" must not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from buildkit.graph.kinds import TEST_SUITE
from buildkit.graph.package import Target
from buildkit.label import Label

if TYPE_CHECKING:
    from buildkit.graph.query.loaded import Loaded


def tests_in(graph: Loaded, labels: Iterable[Label]) -> dict[Label, None]:
    """The tests among labels and in the suites among them."""
    found: dict[Label, None] = {}
    met: set[Label] = set()
    stack: list[tuple[Label, tuple[Target, ...]]] = [(label, ()) for label in reversed(list(labels))]
    while stack:
        label, suites = stack.pop()
        target = graph.target(label)
        if target is None:
            continue
        if target.rule == TEST_SUITE.name and label not in met:
            met.add(label)
            stack += [(held, (*suites, target)) for held in reversed(_held(graph, target))]
        elif graph.is_test(target) and all(_wants(suite, target) for suite in suites):
            found[label] = None
    return found


def _held(graph: Loaded, suite: Target) -> list[Label]:
    named: list[Label] = list(suite.attributes.get("tests") or ())
    if named:
        return named
    package = graph.package(suite.label)
    members = package.targets.values() if package else ()
    return sorted(one.label for one in members if graph.is_test(one) and "manual" not in _tags(one))


def _wants(suite: Target, test: Target) -> bool:
    tags = set(_tags(test))
    wanted = {tag.removeprefix("+") for tag in _tags(suite) if not tag.startswith("-") and tag != "manual"}
    unwanted = {tag[1:] for tag in _tags(suite) if tag.startswith("-")}
    return wanted <= tags and not unwanted & tags


def _tags(target: Target) -> tuple[Any, ...]:
    return target.attributes.get("tags") or ()
