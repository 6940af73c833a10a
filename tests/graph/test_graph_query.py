"""Questions: patterns, and what a target needs."""

from pathlib import Path

import pytest
from graph_fakes import place

from buildkit.errors import BuildError
from buildkit.graph.query import query

FILES = {
    "a/BUILD": 'filegroup(name = "x", srcs = [":y", "x.txt"])\nfilegroup(name = "y", srcs = [])\n',
    "a/x.txt": "",
    "b/BUILD": 'filegroup(name = "z", srcs = [])\n',
}


@pytest.mark.parametrize(
    ("expression", "package", "labels"),
    [
        ("//...", "", ["//a:x", "//a:y", "//b:z"]),
        (" //a:all ", "", ["//a:x", "//a:y"]),
        ("deps(//a:x)", "", ["//a:x", "//a:x.txt", "//a:y"]),
        ("deps( :y )", "a", ["//a:y"]),
        ("...", "b", ["//b:z"]),
    ],
)
def test_an_expression_names_labels(tmp_path: Path, expression: str, package: str, labels: list[str]) -> None:
    assert [str(label) for label in query(expression, place(tmp_path, FILES).loader(), package)] == labels


@pytest.mark.parametrize("expression", ["", "rdeps(//a:x)", "deps()", "//a:x + //a:y"])
def test_what_cannot_be_read_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(BuildError) as error:
        query(expression, place(tmp_path, FILES).loader())
    assert str(error.value) == (
        f"error: cannot read the query {expression!r}\nhint: use a pattern such as '//...' or 'deps(//package:name)'"
    )
