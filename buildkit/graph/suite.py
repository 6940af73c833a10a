"""`test_suite`: which tests it stands for.

In: a suite, and what it names or its package declares. Out: labels of tests. Its tags choose among them: all of `tag`
and `+tag`, none of `-tag`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from buildkit.errors import BuildError
from buildkit.graph.kinds import TEST_SUITE
from buildkit.graph.package import Target
from buildkit.graph.provider import TEST_INFO
from buildkit.graph.rule import Rule
from buildkit.graph.target_value import TargetValue
from buildkit.label import Label

MANUAL = "manual"


def chosen(suite: Target, test: Target) -> bool:
    """Whether a suite's tags let a test in."""
    wanted = {tag.removeprefix("+") for tag in suite.tags if not tag.startswith("-")} - {MANUAL}
    unwanted = {tag[1:] for tag in suite.tags if tag.startswith("-")}
    return wanted <= set(test.tags) and not unwanted & set(test.tags)


def with_tests(targets: Mapping[str, Target], rules: Mapping[str, Rule]) -> dict[str, Target]:
    """A package's targets, where suites without `tests` need all its tests that are not manual."""
    suites = [
        name for name, target in targets.items() if target.rule == TEST_SUITE.name and not target.attributes["tests"]
    ]
    if not suites:
        return dict(targets)
    tests = [targets[name] for name, rule in sorted(rules.items()) if rule.test and MANUAL not in targets[name].tags]
    found = dict(targets)
    for name in suites:
        needed = tuple((test.label, "tests") for test in tests if chosen(found[name], test))
        found[name] = replace(found[name], dependencies=needed)
    return found


def tests_of(
    suite: Target, values: Mapping[Label, TargetValue], suites: Mapping[Label, tuple[Label, ...]]
) -> tuple[Label, ...]:
    """The tests that a suite stands for, those of its suites included. Raises BuildError for what is no test."""
    found: dict[Label, None] = {}
    for label, name in suite.dependencies:
        if name != "tests":
            continue
        named = values[label]
        if named.label not in suites and not named.contains(TEST_INFO):
            span = suite.spans.get("tests", suite.span)
            message = f"'{label}' cannot stand in 'tests': it is no test, but {named.target.a_kind}"
            raise BuildError(message, span=span)
        found |= dict.fromkeys(
            one for one in suites.get(named.label, (named.label,)) if chosen(suite, values[one].target)
        )
    return tuple(found)
