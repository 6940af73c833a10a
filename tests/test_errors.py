"""Errors as users see them, to the byte."""

import pickle

import pytest

from buildkit.errors import (
    BuildError,
    BuildErrors,
    BuildFailure,
    EnvironmentFault,
    ExitCode,
    Span,
    TestFailure,
    did_you_mean,
    render,
)

LINE = '    model = [":fraud_v3"],'
FULL = BuildError(
    "rule 'model_image' has no attribute 'model'",
    span=Span("models/BUILD", 12, 5, 12, 10),
    hint="did you mean 'models'?",
    notes=["needed by //models:fraud (models/BUILD:3:1)"],
    details="first\nlast\n",
)


def test_an_error_shows_place_line_way_details_and_cure() -> None:
    asked: list[tuple[str, int]] = []

    def read_line(path: str, number: int) -> str:
        asked.append((path, number))
        return LINE + "  "

    assert render(FULL, read_line) == (
        "models/BUILD:12:5: error: rule 'model_image' has no attribute 'model'\n"
        '    model = [":fraud_v3"],\n'
        "    ^~~~~\n"
        "  needed by //models:fraud (models/BUILD:3:1)\n"
        "  | first\n"
        "  | last\n"
        "hint: did you mean 'models'?"
    )
    assert asked == [("models/BUILD", 12)]


def test_an_error_without_a_place_or_a_line_is_its_words() -> None:
    assert str(BuildError("no workspace here")) == "error: no workspace here"
    assert render(BuildError("odd", span=Span("gone/BUILD", 2, 1, 2, 3)), lambda path, number: None) == (
        "gone/BUILD:2:1: error: odd"
    )


@pytest.mark.parametrize(
    ("span", "line", "shown"),
    [
        (Span("f", 1, 1, 1, 2), "x = 1", "    x = 1\n    ^"),
        (Span("f", 1, 5, 1, 6), "x = 1", "    x = 1\n        ^"),
        (Span("f", 1, 1, 1, 1), "x = 1", "    x = 1\n    ^"),
        (Span("f", 1, 3, 4, 2), "  f(", "    f(\n    ^~"),
        (Span("f", 1, 1, 1, 3), "    deep", "    deep\n    ^~"),
        (Span("f", 1, 9, 1, 12), "x = 1", "    x = 1\n            ^"),
        (Span("f", 1, 1, 1, 9), "x = 1", "    x = 1\n    ^~~~~"),
        (Span("f", 1, 1, 1, 1), "", "    \n    ^"),
    ],
)
def test_the_caret_stands_under_the_place(span: Span, line: str, shown: str) -> None:
    assert render(BuildError("odd", span=span), lambda path, number: line) == f"{span}: error: odd\n{shown}"


def test_of_a_very_long_line_a_window_is_shown() -> None:
    line = "x = [" + "1, " * 400 + "oops]"
    shown = render(BuildError("odd", span=Span("f", 1, 1206, 1, 1210)), lambda path, number: line).splitlines()
    assert shown[1] == "    " + line[1185:]
    assert shown[2] == "    " + " " * 20 + "^~~~"


def test_an_error_crosses_processes_whole() -> None:
    for kind in (BuildError, BuildFailure, EnvironmentFault, TestFailure):
        error = kind(FULL.message, span=FULL.span, hint=FULL.hint, notes=FULL.notes, details=FULL.details)
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.exit_code) == (kind, str(error), kind.exit_code)


def test_several_errors_are_shown_in_order_with_the_code_of_the_first() -> None:
    errors = BuildErrors([BuildFailure("one"), BuildError("two")])
    assert (str(errors), errors.exit_code) == ("error: one\nerror: two", ExitCode.BUILD_FAILED)
    copy = pickle.loads(pickle.dumps(errors))
    assert [str(error) for error in copy.errors] == ["error: one", "error: two"]


def test_what_stopped_several_actions_is_told_once() -> None:
    errors = BuildErrors([BuildFailure("full"), BuildError("two"), BuildFailure("full")])
    assert str(errors) == "error: full\nerror: two"


def test_exit_codes_are_what_the_documentation_says() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "SUCCESS": 0,
        "BUILD_FAILED": 1,
        "USAGE": 2,
        "TESTS_FAILED": 3,
        "NO_TESTS": 4,
        "INTERRUPTED": 8,
        "ENVIRONMENT": 36,
        "INTERNAL": 37,
    }


@pytest.mark.parametrize(
    ("name", "hint"),
    [("scrs", "did you mean 'srcs'?"), ("model", "did you mean 'models'?"), ("colour", None), ("", None)],
)
def test_a_hint_names_what_is_near_and_nothing_else(name: str, hint: str | None) -> None:
    assert did_you_mean(name, ["srcs", "models", "runtime"]) == hint
