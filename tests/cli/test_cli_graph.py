"""`mbuild graph`: a picture on stdout or in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from invocations import Place, Ran


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "workspace", tmp_path / "store")
    found.write({"mbuild.toml": "", "a/BUILD": 'filegroup(name = "x", srcs = ["f.txt"])\n', "a/f.txt": ""})
    return found


def test_a_picture_goes_to_stdout_or_to_a_file(place: Place) -> None:
    ran = place.mbuild("graph", "//a:x")
    assert (ran.code, ran.stderr, ran.stdout.count('class="node"')) == (0, "", 2)
    assert place.mbuild("graph", "//a:x", "--output", "g.svg") == Ran(0, "", "")
    assert (place.root / "g.svg").read_text() == ran.stdout
    assert place.mbuild("graph", "//a:x", "--output", "g.html", "--depth", "0") == Ran(0, "", "")
    assert (place.root / "g.html").read_text().count('class="node"') == 1


def test_of_an_expression_its_answer_is_drawn(place: Place) -> None:
    assert place.mbuild("graph", "kind(rule, deps(//a:x))").stdout.count('class="node"') == 1
    assert place.mbuild("graph", "deps(//a:x, 1)").stdout.count('class="node"') == 2


def test_what_cannot_be_drawn_is_told(place: Place) -> None:
    assert place.mbuild("graph", "//a:x", "--output", "g.png") == Ran(
        2, "", "error: cannot tell what to draw from 'g.png'\nhint: name a file that ends in .svg or .html\n"
    )
    assert place.mbuild("graph", "//a:x", "--output", "no/g.svg") == Ran(
        36, "", "error: cannot write 'no/g.svg': no such file or directory\n"
    )
