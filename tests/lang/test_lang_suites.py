"""The conformance suites of other implementations, where a folder holds them: they are not ours to hand on.

`MBUILD_STARLARK_SUITES` names a folder of `.star` files in the form of bazelbuild/starlark's `test_suite`: chunks
between lines of `---`; `### text` on a line says that the chunk must fail with that text, a part of what is shown or a
regular expression, in any case; of `### go: text`, `### java: text` and `### rust: text` one must hold. A chunk without
them must run and print nothing.
"""

import os
import re
from pathlib import Path

import pytest

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import run

FOLDER = os.environ.get("MBUILD_STARLARK_SUITES", "")
MARK = re.compile(r"### *((go|java|rust):)? *(.*)")
PRELUDE = """
def assert_eq(x, y):
    if x != y:
        print("%r is not %r" % (x, y))

def assert_ne(x, y):
    if x == y:
        print("both are %r" % (x,))

def assert_(cond, msg = "assertion failed"):
    if not cond:
        print(msg)
"""
# What must fail there and does not here: docs/language.md has the reasons.
DIFFERENT = {"1 / 1  ### (not supported|does not support|not allowed)"}

CHUNKS = [
    pytest.param(chunk, id=f"{path.parent.name}-{path.stem}-{number}")
    for path in (sorted(Path(FOLDER).rglob("*.star")) if FOLDER else ())
    for number, chunk in enumerate(re.split(r"(?m)^---[ \t]*\n", path.read_text(encoding="utf-8")))
]


def shown(chunk: str) -> str:
    printed: list[str] = []
    try:
        run(PRELUDE + chunk, "chunk.star", printer=lambda span, text: printed.append(text))
    except (BuildError, BuildErrors) as error:
        return str(error)
    return "\n".join(printed)


def holds(text: str, told: str) -> bool:
    return text.lower() in told or re.search(text.lower(), told) is not None


@pytest.mark.may_skip("the suites lie beside the project, not in it")
@pytest.mark.skipif(not FOLDER, reason="MBUILD_STARLARK_SUITES names no folder")
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chunk_of_another_implementation_does_what_it_says(chunk: str) -> None:
    marks = [mark for mark in map(MARK.search, chunk.split("\n")) if mark]
    told = shown(chunk).lower()
    if not marks or any(line in DIFFERENT for line in chunk.split("\n")):
        assert told == ""
        return
    wanted = [mark[3] for mark in marks if not mark[2]]
    one_of = [mark[3] for mark in marks if mark[2]]
    assert told
    assert [text for text in wanted if not holds(text, told)] == [], told
    assert not one_of or any(holds(text, told) for text in one_of), told
