"""Bounds: each is told with its value and how to raise it; raised, the program runs."""

import pytest

from buildkit.errors import BuildError
from buildkit.lang import Limits, run, within

RAISE = "hint: raise the limit '{0}' in [limits] of mbuild.toml, or by '--limit {0}=NUMBER'"

BEYOND = [
    ("x = " + "7" * 5000, "1:5", "integer of 5000 digits is too large: the bound is 13900 bits", "integer_bits"),
    ("x = int('7' * 5000)", "1:5", "integer of 5000 digits is too large: the bound is 13900 bits", "integer_bits"),
    ("x = 1 << 14000", "1:5", "integer is too large: the bound is 13900 bits", "integer_bits"),
    (
        "x = 'x' * 1000000000000",
        "1:5",
        "repeat count 1000000000000 too large: excessive repeat (1 * 1000000000000 elements): the bound is 67108864",
        "string_length",
    ),
    (
        "x = [0] * 100000000",
        "1:5",
        "repeat count 100000000 too large: excessive repeat (1 * 100000000 elements): the bound is 16777216",
        "elements",
    ),
    (
        "x = list(range(1 << 40))",
        "1:5",
        "sequence of 1099511627776 elements is too long: the bound is 16777216",
        "elements",
    ),
    ("x = [0 for _ in range(60000000)]", "1:17", "evaluation takes too many steps: the bound is 50000000", "steps"),
]


@pytest.mark.parametrize(
    ("program", "place", "message", "limit"), BEYOND, ids=[case[3] + case[0][:12] for case in BEYOND]
)
def test_what_is_beyond_a_bound_says_which_and_how_to_raise_it(
    program: str, place: str, message: str, limit: str
) -> None:
    with pytest.raises(BuildError) as caught:
        run(program, "f.bzl")
    assert str(caught.value) == f"f.bzl:{place}: error: {message}\n{RAISE.format(limit)}"


def test_calls_inside_calls_are_bounded() -> None:
    program = "def f0(): return 1\n" + "".join(f"def f{n}(): return f{n - 1}()\n" for n in range(1, 31)) + "x = f30()\n"
    assert run(program, "f.bzl")["x"] == 1
    with pytest.raises(BuildError, match="calls are nested too deeply: the bound is 20"):
        run(program, "f.bzl", limits=Limits(depth=20))


def test_time_is_bounded_also_where_each_step_takes_long() -> None:
    with pytest.raises(BuildError, match="evaluation takes too long: the bound is 0 seconds"):
        run("x = [max(range(1000000)) for _ in range(1000)]", "f.bzl", limits=Limits(seconds=0))


def test_a_hundred_thousand_signs_are_too_deep() -> None:
    with pytest.raises(BuildError) as caught:
        run("x = " + "-" * 100_000 + "1", "f.bzl")
    message = "expressions and blocks are nested too deeply: the bound is 300 levels"
    assert str(caught.value).splitlines()[0].endswith(message)
    assert caught.value.hint == "give the inner parts names of their own"


def test_a_raised_bound_lets_the_program_run() -> None:
    values = run("x = " + "7" * 5000 + "\ny = len(str(x * 1))", "f.bzl", limits=Limits(integer_bits=20_000))
    assert values["y"] == 5000
    with within(Limits(integer_bits=20_000)):
        assert run("x = 1 << 15000", "f.bzl")["x"] == 1 << 15000


def test_a_bound_that_is_lowered_holds_too() -> None:
    with pytest.raises(BuildError, match="integer is too large: the bound is 2048 bits"):
        run("x = 1 << 3000", "f.bzl", limits=Limits(integer_bits=2048))
    with pytest.raises(BuildError, match=r"excessive repeat .* the bound is 1024"):
        run("x = 'x' * 2000", "f.bzl", limits=Limits(string_length=1024))


def test_a_bound_out_of_range_is_refused() -> None:
    with pytest.raises(BuildError, match="the limit 'depth' must be a number from 1 to 1000, found 5000"):
        Limits(depth=5000)
