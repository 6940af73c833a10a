"""Functions as Python: what the two languages do not share, and what Python's compiler cannot take."""

# ruff: noqa: E501 (programs stand on one line each)

from __future__ import annotations

import pytest

from buildkit.errors import BuildError
from buildkit.lang import Builtin, Call, Limits, call, evaluate, parse, to_python


def run(source: str, **predeclared: object) -> object:
    """What a program leaves in `r`."""
    return to_python(evaluate(parse(source, "f.bzl", build_file=False), predeclared=predeclared)["r"])


def fault(source: str, limits: Limits | None = None) -> str:
    """The first line of what a program ends with."""
    with pytest.raises(BuildError) as caught:
        evaluate(parse(source, "f.bzl", build_file=False), limits=limits)
    return str(caught.value).split("\n")[0]


VALUES = {
    "a function made for integers takes strings, too": (
        "def f(x, n):\n    for _ in range(2):\n        x = x + n\n    return x\nr = [f(1, 2), f('a', 'b'), f([1], [2])]\n",
        [5, "abb", [1, 2, 2]],
    ),
    "a bool is no number": (
        "def f(x):\n    return [x == 1, 1 == x, x != 1, {1: 2}.get(x), x in {1: 2}, x in [1], [x] == [1]]\nr = f(True)\n",
        [False, False, True, None, False, False, False],
    ),
    "large integers stay exact": (
        "def f(x):\n    for _ in range(5):\n        x = x * x + 1\n    return x % 1000007\nr = f(1000)\n",
        704678,
    ),
    "a loop with a break may go over a range without an end": (
        "def f():\n    for i in range(1 << 40):\n        if i > 9000:\n            break\n    return i\nr = f()\n",
        9001,
    ),
    "names that are Python's keywords are names": (
        "def f(async_ = 1, nonlocal_ = 2):\n    return nonlocal_\nr = f()\n",
        2,
    ),
    "functions share the variables around them": (
        "def f():\n    n = [0]\n    def g():\n        n[0] += 1\n        return n[0]\n    g()\n    return [g(), n]\nr = f()\n",
        [2, [2]],
    ),
    "a comprehension's functions see its last round": ("r = [f() for f in [lambda: x for x in range(3)]]\n", [2, 2, 2]),
    "defaults are evaluated once, arguments in order": (
        "def f(a, b = [], *, c = 3):\n    b.append(a)\n    return [len(b), c]\ndef g():\n    f(1)\n    return f(c = 5, a = 2)\nr = g()\n",
        [2, 5],
    ),
    "formats are quick for strings and integers, and right for the others": (
        "def f(x):\n    return ['%s-%d' % (x, 3), '%s' % x, '{}!{}'.format(x, 1)]\nr = [f('a'), f(7), f(None), f(True)]\n",
        [["a-3", "a", "a!1"], ["7-3", "7", "7!1"], ["None-3", "None", "None!1"], ["True-3", "True", "True!1"]],
    ),
    "tuples are unpacked and swapped": (
        "def f(a, b):\n    a, b = b, a\n    (c, [d, e]) = (a, [b, 3])\n    return [a, b, c, d, e]\nr = f(1, 2)\n",
        [2, 1, 2, 1, 3],
    ),
    "a long sum": (f"def f(x):\n    return {' + '.join(['x'] * 3000)}\nr = f(1)\n", 3000),
    "a long chain of branches": (
        "def f(x):\n    if x == 0:\n        return 1\n"
        + "".join(f"    elif x == {n}:\n        return {n}\n" for n in range(1, 400))
        + "r = f(399)\n",
        399,
    ),
    "many conditions in a comprehension": (f"def f():\n    return [x for x in [1]{' if x' * 300}]\nr = f()\n", [1]),
    "deep calls": (f"def f(x):\n    return {'str(' * 140}x{')' * 140}\nr = f(1)\n", "1"),
    "as many loops in loops as Python takes": (
        "def f(x):\n"
        + "".join(" " * (n + 1) + f"for i{n} in [1]:\n" for n in range(18))
        + " " * 19
        + "x += 1\n return x\nr = f(1)\n",
        2,
    ),
}


@pytest.mark.parametrize(("source", "value"), VALUES.values(), ids=VALUES)
def test_a_program_has_its_value(source: str, value: object) -> None:
    assert run(source) == value


FAULTS = {
    "def f():\n    return True + 1\nf()\n": "f.bzl:2:12: error: unknown binary op: bool + int (unsupported binary operation)",
    "def f(x):\n    return x + 1\nf(True)\n": "f.bzl:2:12: error: unknown binary op: bool + int (unsupported binary operation)",
    "def f(x):\n    return x < 1\nf(True)\n": "f.bzl:2:12: error: unsupported comparison: bool < int not implemented",
    "def f(x):\n    return [1, 2][x]\nf(True)\n": "f.bzl:2:12: error: invalid index of a list: got bool, want int",
    "def f(x):\n    return x // (x - x)\nf(3)\n": "f.bzl:2:12: error: integer division by zero",
    "def f(x):\n    return len(x, x)\nf([])\n": "f.bzl:2:12: error: len: got 2 arguments, want 1 positional argument",
    "def f(x):\n    return x.get()\nf({})\n": "f.bzl:2:12: error: get: got 0 arguments, want 1: missing argument for key",
    "def f(x):\n    return '%d' % x\nf('a')\n": "f.bzl:2:12: error: format '%d' requires a number: cannot convert string to int",
    "def f(x):\n    for y in x:\n        x.append(y)\nf([1])\n": "f.bzl:3:9: error: cannot append to list during iteration",
    "def f(x):\n    for i in range(x):\n        pass\nf('a')\n": "f.bzl:2:14: error: range(): parameter 'stop' got string, want int",
    "def f():\n    for i in range(1 << 70):\n        pass\nf()\n": (
        "f.bzl:2:14: error: range is too large for a loop: the bound of its numbers is 62 bits"
    ),
    "def f(x):\n" + "".join(" " * (n + 1) + f"for i{n} in [1]:\n" for n in range(19)) + " " * 20 + "pass\nf(1)\n": (
        "f.bzl:20:31: error: loops are nested too deeply: the bound is 18"
    ),
    "def f():\n    return g()\nf()\ndef g():\n    pass\n": (
        "f.bzl:2:12: error: global variable g referenced before assignment"
    ),
}


@pytest.mark.parametrize(("source", "message"), FAULTS.items())
def test_a_fault_has_its_place_and_reason(source: str, message: str) -> None:
    assert fault(source) == message


def test_long_loops_are_charged_as_they_go() -> None:
    source = "def f():\n    for i in range(1000000):\n        pass\nf()\n"
    assert fault(source, Limits(steps=900_000)).startswith("f.bzl:2:14: error: evaluation takes too many steps")
    evaluate(parse(source, "f.bzl", build_file=False), limits=Limits(steps=1_100_000))


def test_calls_without_loops_are_charged() -> None:
    doubling = "".join(f"def f{n}():\n    f{n - 1}()\n    f{n - 1}()\n" for n in range(1, 40))
    source = f"def f0():\n    pass\n{doubling}f39()\n"
    assert "evaluation takes too many steps" in fault(source, Limits(steps=100_000))


def test_after_an_error_that_the_host_has_caught_a_function_may_be_called_again() -> None:
    def attempt(call: Call, function: object) -> str:
        try:
            call.callback(function, [], {})
        except BuildError as error:
            return error.message
        return "none"

    source = "def g():\n    return len(h())\ndef h():\n    return str(k())\ndef k():\n    fail('no')\nr = [attempt(g), attempt(g)]\n"
    assert run(source, attempt=Builtin("attempt", attempt)) == ["no", "no"]


def test_a_builtin_sees_the_calls_around_it() -> None:
    stacks: list[list[str]] = []

    def look(call: Call) -> None:
        stacks.append([str(span) for span in call.stack])

    source = (
        "def f():\n    g(1)\n    sorted([1], key = g)\n    [g(x) for x in [1]]\ndef g(x):\n    look()\n    return x\nf()\n"
        "look()\n"
    )
    evaluate(parse(source, "f.bzl", build_file=False), predeclared={"look": Builtin("look", look)})
    assert stacks == [
        ["f.bzl:8:1", "f.bzl:2:5"],
        ["f.bzl:8:1", "f.bzl:3:5"],
        ["f.bzl:8:1", "f.bzl:4:6"],
        [],
    ]


def test_a_function_of_a_finished_file_is_called_from_python() -> None:
    values = evaluate(
        parse("def f(x, *rest, y = 2, **named):\n    return [x, rest, y, named]\n", "f.bzl", build_file=False)
    )
    assert to_python(call(values["f"], [1, 5], {"z": 3})) == [1, (5,), 2, {"z": 3}]
    assert to_python(call(values["f"], ["a"], {"y": 3})) == ["a", (), 3, {}]
