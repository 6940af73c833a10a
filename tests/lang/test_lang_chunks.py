"""The language tested in its own words: files of chunks, each run alone.

`---` parts the chunks of a file; `### "regex"` marks the line at which an error must appear, and what it says.
"""

import re
from pathlib import Path

import pytest

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import Builtin, Call, Struct, Value, equal, evaluate, parse, represent

FILES = sorted((Path(__file__).parent / "testdata").glob("*.star"))
MARK = re.compile(r'###\s*"(.*)"\s*$')


def assert_equal(call: Call, left: Value, right: Value) -> None:
    if not equal(left, right) or type(left) is not type(right):
        raise call.error(f"{represent(left)} is not {represent(right)}")


def assert_true(call: Call, value: Value) -> None:
    if not value:
        raise call.error(f"{represent(value)} is not true")


ASSERT = Struct("struct", {"eq": Builtin("eq", assert_equal), "true": Builtin("true", assert_true)})
CHUNKS = [
    pytest.param(chunk, id=f"{path.stem}-{number}")
    for path in FILES
    for number, chunk in enumerate(re.split(r"(?m)^---\n", path.read_text(encoding="utf-8")))
]


def expected(chunk: str) -> list[tuple[int, str]]:
    marks = ((number, MARK.search(line)) for number, line in enumerate(chunk.split("\n"), start=1))
    return [(number, mark[1]) for number, mark in marks if mark]


def found(chunk: str) -> list[tuple[int, str]]:
    try:
        file = parse(chunk, "chunk.star", build_file=False)
        evaluate(file, predeclared={"check": ASSERT}, printer=lambda span, text: None)
    except BuildErrors as errors:
        return [(error.span.line if error.span else 0, error.message) for error in errors.errors]
    except BuildError as error:
        return [(error.span.line if error.span else 0, error.message)]
    return []


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chunk_runs_or_fails_where_it_says(chunk: str) -> None:
    wanted, got = expected(chunk), found(chunk)
    assert [line for line, _ in got] == [line for line, _ in wanted], got
    for (_, message), (_, pattern) in zip(got, wanted, strict=True):
        assert re.search(pattern, message), message
