"""Programs that are made to break the evaluator: each ends in a value or in an error of ours, soon."""

import pytest

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import run


def inside(body: str) -> str:
    """A function of these lines, called."""
    return "def f(x = 1):\n" + "".join(f"    {line}\n" for line in body.split("\n")) + "r = f()\n"


VALUES = {
    "return dict(__debug__ = 1)['__debug__']": 1,
    "return '{__debug__}'.format(__debug__ = 1)": "1",
    "return " + "not " * 251 + "x": False,
    "y = 5\nreturn " + "-" * 250 + "y": 5,
    "y = [1]\nreturn (len(y), y.append(2), len(y))": (1, None, 2),
    "y = [1]\nreturn len(y) + y.pop() + len(y)": 2,
    "return x" + " + x" * 20_000: 20_001,
    "return len([" + "x, " * 50_000 + "])": 50_000,
}


@pytest.mark.parametrize("body", VALUES, ids=range(len(VALUES)))
def test_a_function_that_asks_much_of_pythons_compiler_gives_its_value(body: str) -> None:
    assert run(inside(body), "f.bzl")["r"] == VALUES[body]


MESSAGES = {
    "s = 'a' * 60000000\nreturn '%s' * 1000 % ((s,) * 1000)": "string of 60000000000 characters is too long",
    "s = 'a' * 60000000\nreturn '" + "%s" * 200 + "' % (" + "s, " * 200 + ")": "string of 12000000000 characters",
    "s = 'a' * 60000000\nreturn ('{}' * 1000).format(*([s] * 1000))": "string of 60000000000 characters is too long",
    "return str(range(0, 1 << 13000, 1 << 12900)[::1 << 12000])": "integer is too large: the bound is 13900 bits",
}


@pytest.mark.parametrize("body", MESSAGES, ids=range(len(MESSAGES)))
def test_what_would_be_too_large_is_refused_before_it_is_made(body: str) -> None:
    with pytest.raises(BuildError) as caught:
        run(inside(body), "f.bzl")
    assert MESSAGES[body] in caught.value.message


def test_a_string_of_many_escaped_quotes_that_is_never_closed_is_found_at_once() -> None:
    with pytest.raises(BuildError, match="string literal is never closed"):
        run("r = r'" + "\\'" * 100_000 + "\n", "f.bzl")


def test_of_thousands_of_undefined_names_only_the_first_get_a_hint() -> None:
    with pytest.raises(BuildErrors) as caught:
        run("".join(f"abcdef{n} = bcdefg{n}\n" for n in range(2000)), "f.bzl")
    hints = [error.hint for error in caught.value.errors]
    assert (len(hints), sum(hint is not None for hint in hints)) == (2000, 20)
