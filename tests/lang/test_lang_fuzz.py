"""Whatever is written in a file, the answer is values or errors with a place, and never anything else."""

import string
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildkit.errors import BuildError, BuildErrors, render
from buildkit.lang import Limits, evaluate, parse, represent

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

TOKENS = [
    *[
        "x",
        "y",
        "f",
        "None",
        "True",
        "1",
        "2.5",
        "0x1f",
        "'a'",
        "b'z'",
        "'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ";",
        ".",
        "=",
        "==",
        "!=",
        "<",
        ">",
        "<=",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "&",
        "|",
        "^",
        "~",
        "<<",
        ">>",
        "+=",
        "-=",
    ],
    *[
        "if",
        "else",
        "elif",
        "for",
        "in",
        "not",
        "and",
        "or",
        "def",
        "return",
        "lambda",
        "load",
        "break",
        "continue",
        "pass",
        "len",
        "range",
        "str",
        "list",
        "dict",
        "sorted",
    ],
    *[
        "'a,b'.split()",
        "[1,2]",
        "{}",
        "{'k':1}",
        "()",
        '"""',
        "\\",
        "#",
        "\t",
        "\0",
        "é",
        "\ud800",
        "$",
        "!",
        "?",
        "@",
        "`",
    ],
    *["\n", "\n  ", "\n    ", " "],
]

ATOMS = [
    *["x", "0", "1", "-3", "2.5", "10", "True", "None", '"ab"', '"%s"', "b'q'", "[]", "[1, 2]", "()", "(1, x)", "{}"],
    *["{1: 2}", "len", "str", "range(4)", "struct(a = 1)", "float('nan')", "float('inf')", "1 << 100", "1e300"],
]
NAMES = [
    *[
        "append",
        "split",
        "join",
        "format",
        "get",
        "pop",
        "items",
        "keys",
        "update",
        "a",
        "strip",
        "replace",
        "elems",
        "index",
        "count",
        "find",
        "extend",
    ],
    *[
        "setdefault",
        "insert",
        "remove",
        "clear",
        "popitem",
        "values",
        "title",
        "splitlines",
        "partition",
        "startswith",
        "removeprefix",
    ],
]
CALLS = [
    *[
        "len",
        "str",
        "repr",
        "int",
        "float",
        "bool",
        "list",
        "dict",
        "tuple",
        "sorted",
        "reversed",
        "enumerate",
        "zip",
        "any",
        "all",
        "min",
        "max",
        "type",
        "dir",
    ],
    *["hash", "abs", "bytes", "range", "getattr", "hasattr", "fail", "print", "struct"],
]
OPERATORS = [
    *["+", "-", "*", "/", "//", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", ">", "<=", ">=", "in", "and", "or"],
    "not in",
]


def expressions() -> st.SearchStrategy[str]:
    def more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}]"),
            st.tuples(inner, inner, inner, inner).map(lambda t: f"{t[0]}[{t[1]}:{t[2]}:{t[3]}]"),
            st.tuples(inner, st.sampled_from(NAMES), inner).map(lambda t: f"{t[0]}.{t[1]}({t[2]})"),
            st.tuples(inner, st.sampled_from(NAMES)).map(lambda t: f"{t[0]}.{t[1]}()"),
            st.tuples(st.sampled_from(CALLS), inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(st.sampled_from(CALLS), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            st.tuples(inner, inner).map(lambda t: f"[({t[0]}, x) for x in {t[1]}]"),
            st.tuples(inner, inner).map(lambda t: f"{{{t[0]}: {t[1]}}}"),
            st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
            inner.map(lambda t: f"sorted({t}, key = lambda v: {t})"),
            inner.map(lambda t: f"(lambda *a, **k: {t})(*{t})"),
            inner.map(lambda t: f"-{t}"),
            inner.map(lambda t: f"not {t}"),
        )

    return st.recursive(st.sampled_from(ATOMS), more, max_leaves=12)


def faults(source: str) -> tuple[BuildError, ...]:
    """What is wrong with a source: nothing where it has values that can be shown."""
    try:
        file = parse(source, "f.bzl", build_file=False)
        values = evaluate(file, limits=Limits(steps=200_000), printer=lambda *_: None)
        for value in values.values():
            represent(value)
        return ()
    except BuildError as error:
        return (error,)
    except BuildErrors as errors:
        return errors.errors


def answer(source: str) -> None:
    lines = source.split("\n")
    for error in faults(source):
        assert error.exit_code == 2
        assert error.span is not None or "bound" in error.message
        assert render(error, lambda path, number: lines[number - 1] if number <= len(lines) else None)


@FUZZ
@given(st.text(max_size=60) | st.text(alphabet=string.printable, max_size=120))
def test_any_text_gives_values_or_errors(source: str) -> None:
    answer(source)


@FUZZ
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(" ".join))
def test_any_row_of_tokens_gives_values_or_errors(source: str) -> None:
    answer(source)


@FUZZ
@given(expressions())
def test_any_expression_gives_a_value_or_an_error(source: str) -> None:
    answer(f"x = [1, 'a', 2.0]\ny = {source}\n")


@FUZZ
@given(st.lists(expressions(), min_size=1, max_size=4), st.sampled_from(["+", "-", "*", "%", "|", "//"]))
def test_any_function_gives_a_value_or_an_error(parts: list[str], operator: str) -> None:
    body = "".join(f"  for y in {part}:\n    x {operator}= y\n  x = {part}\n" for part in parts)
    answer(f"def f(x):\n{body}  return x\nz = f(0)\n")


BOUNDED = {
    "text times a large number": 'x = "x" * 1000000000000',
    "list times a large number": "x = [0] * 1000000000000",
    "tuple times a large number": "x = (0,) * 1000000000000",
    "large shift": "x = 1 << 100000000",
    "many minuses": "x = " + "-" * 100_000 + "1",
    "many nots": "x = " + "not " * 100_000 + "1",
    "many parentheses": "x = " + "(" * 100_000 + "1" + ")" * 100_000,
    "many lists": "x = " + "[" * 100_000 + "]" * 100_000,
    "many calls": "x = " + "len(" * 100_000,
    "many trailers": "x = len" + "()" * 100_000,
    "many lambdas": "x = " + "lambda: " * 100_000 + "1",
    "many conditionals": "x = " + "1 if 1 else " * 100_000 + "1",
    "long literal": "x = " + "9" * 5_000,
    "long hexadecimal literal": "x = 0x" + "f" * 5_000,
    "large power by hand": "def f():\n  x = 3\n  for _ in range(60):\n    x = x * x\nf()",
    "list of a large range": "x = list(range(1000000000000))",
    "endless text": "def f():\n  x = 'ab'\n  for _ in range(60):\n    x += x\nf()",
    "endless list": "def f():\n  x = [1]\n  for _ in range(60):\n    x += x\nf()",
    "endless tuple": "def f():\n  x = (1,)\n  for _ in range(60):\n    x = x + x\nf()",
    "many large texts": "x = [str(i) + 'a' * 60000000 for i in range(1000)]",
    "endless loop": "def f():\n  for i in range(1000000000000):\n    pass\nf()",
    "endless comprehension": "x = [0 for i in range(1000000000000) if 0]",
    "large replacement": "x = ('a' * 60000).replace('', 'b' * 60000)",
    "large join": "x = ('a' * 60000).join(['b'] * 60000)",
    "large format": "x = '{0}{0}{0}{0}'.format('a' * 60000000)",
    "large interpolation": "x = '%s%s' % ('a' * 60000000, 'b' * 60000000)",
    "large int of text": "x = int('9' * 100000)",
    "deep tuple as key": "y = {deep(()): 1}",
    "deep tuples ordered": "y = deep(()) < deep(())",
    "deep tuples compared": "y = deep(()) == deep(())",
    "deep tuple shown": "y = str(deep(()))",
    "much shared value shown": "y = str(shared('abc'))",
    "much shared value as key": "y = {shared('abc'): 1}",
}
PRELUDE = """
def deep(x):
  for _ in range(100000):
    x = (x,)
  return x
def shared(x):
  for _ in range(100):
    x = (x, x)
  return x
"""


@pytest.mark.parametrize("source", BOUNDED.values(), ids=BOUNDED.keys())
def test_what_grows_without_end_meets_a_bound_that_the_error_names(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(BuildError, match="bound") as caught:
        evaluate(parse(PRELUDE + source + "\n", "f.bzl", build_file=False), limits=Limits(steps=1_000_000))
    assert caught.value.span is not None
    assert time.monotonic() - started < 5


def test_a_much_shared_value_is_compared_at_once() -> None:
    source = PRELUDE + "x = shared(1) == shared(1)\ny = shared(1) < shared(2)\n"
    values = evaluate(parse(source, "f.bzl", build_file=False))
    assert (values["x"], values["y"]) == (True, True)


@pytest.mark.parametrize("source", ["abs(" * 80 + "1" + ")" * 80, "''.join([" * 35 + "'a'" + "])" * 35])
def test_calls_in_calls_are_compiled_once(source: str) -> None:
    started = time.monotonic()
    evaluate(parse(f"x = {source}\n", "f.bzl", build_file=False))
    assert time.monotonic() - started < 2
