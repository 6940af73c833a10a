"""Doc strings, taken apart."""

from __future__ import annotations

import pytest

from buildkit.graph.docstring import DocString

WHOLE = """Counts lines.

    More about it,
    over two lines.

    Args:
        srcs: files, which may
            be many.
        *others (list): more of them.

    Returns:
        a struct with `lines`.

    Example:
        ```python
        count(
            name = "n",
        )
        ```
    """
DOCS = {
    WHOLE: DocString(
        "Counts lines.\n\nMore about it,\nover two lines.",
        (("srcs", "files, which may be many."), ("*others", "more of them.")),
        "a struct with `lines`.",
        '```python\ncount(\n    name = "n",\n)\n```',
    ),
    "": DocString(),
    "Plain.": DocString("Plain."),
    "One.\nArgs:\n    x: one": DocString("One.", (("x", "one"),)),
    "One.\nArgs:\n    nothing of that kind": DocString("One."),
    "Before.\n\nReturns:\n    it.\n\nAfter.": DocString("Before.\nAfter.", (), "it."),
    "Args: inline is text": DocString("Args: inline is text"),
    "One.\n\nExamples:\n    a\n    b": DocString("One.", (), "", "a\nb"),
}


@pytest.mark.parametrize("text", DOCS)
def test_sections_are_told_from_text(text: str) -> None:
    assert DocString.parse(text) == DOCS[text]


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("One. Two.", "One."),
        ("One line\nand another. Two.", "One line and another."),
        ("No stop\n\nMore.", "No stop"),
        ("As in v1.2 of it. Two.", "As in v1.2 of it."),
        ("", ""),
    ],
)
def test_the_summary_is_the_first_sentence(text: str, summary: str) -> None:
    assert DocString.parse(text).summary == summary
