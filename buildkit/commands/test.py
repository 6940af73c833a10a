"""`mbuild test`: build the reports of all tests that patterns name; a test whose own action fails has failed.

A test whose inputs could not be built was not run, nor was one that another's failure stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from buildkit.commands.build import BuildResult, build_analyzed
from buildkit.commands.graph import analysis
from buildkit.commands.session import Session
from buildkit.errors import BuildError, BuildErrors, BuildFailure, ExitCode, TestFailure
from buildkit.label import Label
from buildkit.records import dataclass


class NoTests(BuildError):
    """What was named holds no test."""

    exit_code = ExitCode.NO_TESTS


class Verdict(StrEnum):
    """What a test came to."""

    PASSED = "passed"
    FAILED = "FAILED"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class TestResult:
    """The tests by label, and the faults: what could not be built first, then failed tests as TestFailure."""

    __test__ = False
    build: BuildResult
    verdicts: tuple[tuple[Label, Verdict], ...]
    faults: tuple[BuildError, ...]

    def checked(self) -> TestResult:
        """Itself, or BuildErrors with the faults."""
        if self.faults:
            raise BuildErrors(self.faults)
        return self


def test(session: Session, patterns: Sequence[str]) -> TestResult:
    """Run all tests that patterns name, also after one has failed; passes are cached, as all results of actions are."""
    analyzed = analysis(session, patterns, keep_going=session.options.keep_going)
    tests = [analyzed.configured[label] for label in analyzed.requested if analyzed.configured[label].test]
    if not tests and analyzed.faults:
        raise BuildErrors(analyzed.faults)
    if not tests:
        raise NoTests(f"no tests among {' '.join(patterns)}", hint="tests are declared with model_test")
    owners = {target.label for target in tests}
    result = build_analyzed(session, analyzed, tests, tolerated=owners)
    faults = [
        (failure.action.owner, _as_test_failure(failure.error) if failure.action.owner in owners else failure.error)
        for failure in result.execution.failures
    ]
    failed = {owner for owner, fault in faults if isinstance(fault, TestFailure)}
    verdicts = tuple(
        (built.label, Verdict.PASSED if built.digest else Verdict.FAILED if built.label in failed else Verdict.NOT_RUN)
        for built in result.built
    )
    in_order = sorted((fault for _, fault in faults), key=lambda fault: isinstance(fault, TestFailure))
    return TestResult(result, verdicts, (*analyzed.faults, *in_order))


def _as_test_failure(error: BuildError) -> BuildError:
    if not isinstance(error, BuildFailure):
        return error
    return TestFailure(error.message, span=error.span, hint=error.hint, notes=error.notes, details=error.details)
