"""The tables that are kept beside the grammar, and the two ways to read tokens."""

from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildkit.lang import tables
from buildkit.lang.scanner import scanner

LANG = files("buildkit.lang")


def test_the_tables_beside_the_grammar_are_what_lark_makes_of_it() -> None:
    grammar = LANG.joinpath("grammar.lark").read_text(encoding="utf-8")
    kept = LANG.joinpath("grammar.json").read_text(encoding="utf-8")
    assert kept == tables.written(tables.computed(grammar)), "run: python -m buildkit.lang.tables"


PIECES = [
    "x",
    "def f():",
    "if",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "==",
    "+=",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\n  ",
    "\n\t",
    "\f",
]
PIECES += [
    '"a"',
    '""',
    '"""a\nb"""',
    "'b'",
    "r'\\q'",
    "b'z'",
    "1",
    "1.5",
    ".5",
    "# c",
    "\\\n",
    "-",
    "not",
    "é",
    "$",
    "\r",
]


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_is_read_quickly_is_read_with_care_alike(text: str) -> None:
    quick, careful = scanner().quick(text), scanner().careful(text, 0)
    if quick is not None:
        assert careful.error is None or "is closed by" in careful.error.message
    if quick is not None and careful.error is None:
        assert quick.kinds == careful.kinds
        places = [place for place, kind in enumerate(quick.kinds) if kind > 4]
        assert [quick.starts[place] for place in places] == [careful.starts[place] for place in places]
        assert [quick.texts[place].rstrip(" ") for place in places] == [careful.texts[place] for place in places]


@pytest.mark.parametrize("text", ["x = $", "x = 'a", "(", "x = )", "def f():\n\tpass", "if x:\n    y\n  z", "import x"])
def test_what_may_be_wrong_is_not_read_quickly(text: str) -> None:
    assert scanner().quick(text) is None
