"""`mbuild docs`, on a workspace with rules of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from invocations import Place, Ran

COUNT = '''"""Counting lines."""

load("//tools:more.bzl", _handed = "handed")

LinesInfo = provider(doc = "How many | lines.", fields = {"lines": "the file with their number"})

AnyInfo = provider()

WIDTH = 80

handed = _handed

def _count(ctx):
    return []

count = rule(
    implementation = _count,
    doc = """Counts lines. Quickly.

    Example:
        ```python
        count(name = "n")
        ```
    """,
    attrs = {
        "srcs": attr.label_list(mandatory = True, allow_files = [".txt"], doc = "Files\\n  to read."),
        "how": attr.string(default = "fast", values = ["fast", "slow"], doc = "How."),
        "infos": attr.label_list(providers = [LinesInfo]),
        "old": attr.int(deprecated = "use 'how'", configurable = False),
        "_tool": attr.label(),
    },
)

def counts(names, *others, prefix = "a" + "b", **rest):
    """Counts many.

    Args:
        names: what.
        prefix: what comes before.

    Returns:
        Nothing.
    """

def _hidden():
    pass
'''
PAGE = """# count.bzl

Counting lines.

```python
load("//tools:count.bzl", "AnyInfo", "LinesInfo", "WIDTH", "count", "counts")
```

## count

Counts lines. Quickly.

| attribute | type | default | |
|---|---|---|---|
| `srcs` | list of labels | **mandatory** | Files to read. Files: `.txt`. |
| `how` | string | `"fast"` | How. One of `"fast"`, `"slow"`. |
| `infos` | list of labels | — | Its targets provide [`LinesInfo`](count.md#linesinfo). |
| `old` | int | — | **Deprecated**: use 'how'. It takes no `select`. |

Also the [attributes of all rules](../index.md#attributes-of-all-rules).

**Example**

```python
count(name = "n")
```

## counts

```python
counts(names, *others, prefix = "a" + "b", **rest)
```

Counts many.

| parameter | default | |
|---|---|---|
| `names` | **mandatory** | what. |
| `*others` | — |  |
| `prefix` | `"a" + "b"` | what comes before. |
| `**rest` | — |  |

Returns nothing.

## LinesInfo

How many | lines.

| field | |
|---|---|
| `lines` | the file with their number |

## AnyInfo

It takes any fields.

## WIDTH

A constant: `int`.
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write(
        {
            "mbuild.toml": '[workspace]\nname = "acme"\n',
            "tools/BUILD": "",
            "tools/count.bzl": COUNT,
            "tools/more.bzl": 'def handed():\n    "Handed on."\n',
            "empty/BUILD": "",
        }
    )
    return place


def test_every_public_name_of_a_workspace_is_documented(place: Place) -> None:
    assert place.mbuild("docs") == Ran(0, "index.md written\ntools/count.md written\ntools/more.md written\n", "")
    written = place.root / "docs" / "rules"
    assert (written / "tools" / "count.md").read_text() == PAGE
    index = (written / "index.md").read_text()
    assert index.startswith("# Rules of acme\n")
    assert "| [`count`](tools/count.md#count) | Counts lines. | [count.bzl](tools/count.md) |" in index
    assert place.mbuild("docs") == Ran(0, "index.md current\ntools/count.md current\ntools/more.md current\n", "")


def test_stale_pages_are_named(place: Place) -> None:
    assert place.mbuild("docs").code == 0
    assert place.mbuild("docs", "--check").code == 0
    place.write(
        {
            "tools/more.bzl": "def other():\n    pass\n",
            "docs/rules/gone.md": "# gone.bzl\n",
            "docs/rules/own.md": "# Own\n",
            "tools/count.bzl": "x = 1\n",
        }
    )
    assert place.mbuild("docs", "--check") == Ran(
        1,
        "",
        "error: the pages are not what the .bzl files say\n"
        "  'index.md' is behind\n"
        "  'tools/count.md' is behind\n"
        "  'tools/more.md' is behind\n"
        "  'gone.md' is made from no file any more\n"
        "hint: run 'mbuild docs' without --check\n",
    )


def test_one_file_can_be_printed_or_written_elsewhere(place: Place) -> None:
    printed = place.mbuild("docs", "//tools:more.bzl", "--output", "-")
    assert (printed.code, printed.told) == (0, "")
    assert printed.stdout.endswith(
        '# more.bzl\n\n```python\nload("//tools:more.bzl", "handed")\n```\n\n## handed\n\n```python\nhanded()\n```\n\n'
        "Handed on.\n"
    )
    assert place.mbuild("docs", "//tools:more.bzl", "--output", "pages").code == 0
    assert (place.root / "pages" / "tools" / "more.md").is_file()


def test_a_file_named_by_its_path_is_of_the_package_that_holds_it(place: Place) -> None:
    by_label = place.mbuild("docs", "//tools:more.bzl", "--output", "-")
    assert place.mbuild("docs", "tools/more.bzl", "--output", "-") == by_label


def test_a_page_by_itself_leaves_the_others_alone(place: Place) -> None:
    assert place.mbuild("docs").code == 0
    index = (place.root / "docs" / "rules" / "index.md").read_text()
    assert place.mbuild("docs", "//tools:more.bzl") == Ran(0, "tools/more.md current\n", "")
    assert place.mbuild("docs", "//tools:more.bzl", "--check") == Ran(0, "tools/more.md current\n", "")
    assert (place.root / "docs" / "rules" / "index.md").read_text() == index


def test_a_file_called_index_has_a_page_beside_the_index(place: Place) -> None:
    place.write({"BUILD": "", "index.bzl": "x = 1\n"})
    assert "index.bzl.md written" in place.mbuild("docs").stdout.splitlines()


def test_the_standard_rules_are_documented_anywhere(place: Place) -> None:
    ran = place.mbuild("docs", "@mbuild//rules", "--output", "standard")
    kept = Path(__file__).resolve().parents[2] / "docs" / "rules"
    assert ran.code == 0
    made = {path.name: path.read_text() for path in (place.root / "standard").iterdir()}
    assert made == {path.name: path.read_text() for path in kept.iterdir()}


REFUSED = {
    "//tools:cont.bzl": "error: no file 'tools/cont.bzl' to document\nhint: did you mean '//tools:count.bzl'?\n",
    "//tools:x": "error: '//tools:x' names no .bzl file\n"
    "hint: name one, such as //tools:defs.bzl, or packages, such as //tools/...\n",
    "//empty": "error: no .bzl file among //empty\nhint: name one, or make one with 'mbuild new rule NAME'\n",
    "@other//x:y.bzl": "error: '@other//x:y.bzl' is in the unknown repository '@other'\n"
    "hint: the standard rules are in '@mbuild//rules'\n",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_cannot_be_documented_is_told(place: Place, pattern: str) -> None:
    assert place.mbuild("docs", pattern) == Ran(2, "", REFUSED[pattern])


def test_pages_that_cannot_be_written_are_an_environment_fault(place: Place) -> None:
    place.write({"docs": "a file"})
    ran = place.mbuild("docs")
    assert (ran.code, ran.told.startswith("error: cannot write the page ")) == (36, True)
