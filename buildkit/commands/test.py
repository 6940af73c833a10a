"""`mbuild test`: build the reports of all tests that patterns name; a test whose action fails has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from buildkit.commands.build import BuildResult, build_analyzed
from buildkit.commands.graph import analysis
from buildkit.commands.session import Session
from buildkit.errors import BuildError, BuildErrors, BuildFailure, ExitCode, TestFailure
from buildkit.label import Label


class NoTests(BuildError):
    """What was named holds no test."""

    exit_code = ExitCode.NO_TESTS


@dataclass(frozen=True, slots=True)
class TestResult:
    """The tests by label: True for a pass; and the faults, a failed test's as TestFailure."""

    __test__ = False
    build: BuildResult
    passed: tuple[tuple[Label, bool], ...]
    faults: tuple[BuildError, ...]

    def checked(self) -> TestResult:
        """Itself, or BuildErrors with the faults."""
        if self.faults:
            raise BuildErrors(self.faults)
        return self


def test(session: Session, patterns: Sequence[str]) -> TestResult:
    """Run all tests that patterns name; passes are cached, as all results of actions are."""
    analyzed = analysis(session, patterns)
    tests = [analyzed.configured[label] for label in analyzed.requested if analyzed.configured[label].test]
    if not tests:
        raise NoTests(f"no tests among {' '.join(patterns)}", hint="tests are declared with model_test")
    result = build_analyzed(session, analyzed, tests)
    owners = {target.label for target in tests}
    faults = tuple(
        _as_test_failure(failed.error) if failed.action.owner in owners else failed.error
        for failed in result.execution.failures
    )
    passed = tuple((built.label, built.digest is not None) for built in result.built)
    return TestResult(result, passed, faults)


def _as_test_failure(error: BuildError) -> BuildError:
    if not isinstance(error, BuildFailure):
        return error
    return TestFailure(error.message, span=error.span, hint=error.hint, notes=error.notes, details=error.details)
