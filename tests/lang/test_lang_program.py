"""`run`: the language for other programs. The page of the language has the example; here it runs."""

import re
from pathlib import Path

import pytest

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import Value, from_python, run, to_python

PAGE = Path(__file__).parents[2] / "docs" / "language.md"


def test_the_example_on_the_page_runs() -> None:
    found = re.search(r"```python\n(from buildkit\.errors .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    exec(compile(found[1], "language.md", "exec"), {})


def test_values_come_out_frozen_and_without_what_was_loaded() -> None:
    modules = {"a.star": run("one = [1]", "a.star")}
    values = run('load("a.star", x = "one")\ny = x + [2]', "b.star", load=lambda name, span: modules[name])
    assert {name: to_python(value) for name, value in values.items()} == {"y": [1, 2]}
    with pytest.raises(BuildError, match="cannot append to frozen list"):
        run("y.append(3)", "c.star", predeclared=values)


def test_several_mistakes_come_together() -> None:
    with pytest.raises(BuildErrors) as caught:
        run("x = 1 +\ny = 2 +\n", "a.star")
    assert [str(error) for error in caught.value.errors] == [
        "a.star:1:8: error: syntax error at the end of the line: expected an expression",
        "a.star:2:8: error: syntax error at the end of the line: expected an expression",
    ]


def test_without_a_loader_nothing_can_be_loaded() -> None:
    with pytest.raises(BuildError) as caught:
        run('load("a.star", "x")', "b.star")
    assert str(caught.value) == "b.star:1:6: error: cannot load 'a.star': there are no modules here"


def test_what_is_printed_is_handed_over_with_its_place() -> None:
    printed: list[tuple[int, str]] = []
    run('pass\nprint("a", [1])', "a.star", printer=lambda span, text: printed.append((span.line, text)))
    assert printed == [(2, "a [1]")]


@pytest.mark.parametrize("plain", [{"a": [1, (2.5, None)]}, [True, b"x"], "s"])
def test_plain_values_go_there_and_back(plain: Value) -> None:
    assert to_python(run("y = x", "a.star", predeclared={"x": from_python(plain)})["y"]) == plain


def test_text_with_half_a_character_is_a_mistake_of_the_text() -> None:
    with pytest.raises(BuildError, match="bytes literal holds half of a character"):
        run('x = b"\ud800"', "a.star")
