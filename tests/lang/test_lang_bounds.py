"""Programs that are made to break the evaluator: each ends in a value or in an error of ours, soon."""

import pytest

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import Limits, List, run


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


LONG = [
    "return [1.5] * 9 == [1.5] * 8 + [2.5]",
    "return {1: 2} == {1: 3}",
    "return 2 in [1]",
    "return [1].index(1)",
    "return [1].remove(1)",
    "return sorted([1.5, 2])",
    "return sorted([2, 1])",
    "return max([2, 1])",
    "return [1] < [2]",
    "return set([1])",
    "return set([1]).union([2])",
    "return {(1, 2.5): 3}",
    "return dict([(1, 2)])",
    "return hash('a')",
    "return hash(b'a')",
    "return repr('\\n')",
    "return ('%' + 's') % 'x'",
]


@pytest.mark.parametrize("body", LONG)
def test_what_goes_over_many_values_looks_at_the_clock_by_itself(body: str) -> None:
    with pytest.raises(BuildError, match="evaluation takes too long: the bound is 0 seconds"):
        run(inside(body), "f.bzl", limits=Limits(seconds=0))


BACKWARDS = {
    "return s.rfind(t)": -1,
    "return (t + s).rfind(t)": 0,
    "return (s + t).rfind(t, 100)": 80_000,
    "return [len(part) for part in (s + t + s + t + 'a').rsplit(t, 1)]": [220_001, 1],
    "return [len(part) for part in (s + t + 'a').rpartition(t)]": [80_000, 60_001, 1],
    "return [len(part) for part in s.rpartition(t)]": [0, 0, 80_000],
    "return len(('c' + s).strip('b' * 60000 + 'a'))": 1,
}


@pytest.mark.parametrize("body", BACKWARDS)
def test_a_search_from_the_end_takes_no_longer_than_one_from_the_beginning(body: str) -> None:
    value = run(inside(f"s = 'a' * 80000\nt = 'ab' + 'a' * 59999\n{body}"), "f.bzl")["r"]
    assert (value.items if isinstance(value, List) else value) == BACKWARDS[body]


LARGE = {
    "return ('ab' * 1000).elems()": 2000,
    "return ('a,' * 2000).split(',')": 1025,
    "return zip(range(1000), range(1000))": 2000,
}


@pytest.mark.parametrize("body", LARGE)
def test_a_list_made_of_a_long_text_has_no_more_elements_than_the_bound(body: str) -> None:
    with pytest.raises(BuildError, match=f"sequence of {LARGE[body]} elements is too long: the bound is 1024"):
        run(inside(body), "f.bzl", limits=Limits(elements=1024))
