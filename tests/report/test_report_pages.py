"""Pages of hostile names: whatever these are, the page has the elements and attributes of its own, and no other."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from hostile_names import HOSTILE, hostile_diff

from buildkit.report.image.diff_html import diff_html
from buildkit.report.image.text import printable
from buildkit.report.picture.html import html
from buildkit.report.picture.nodes import Diagram, Node
from buildkit.report.picture.svg import svg

UNSEEN = [chr(code) for code in (*range(9), *range(11, 32), 127, 0x202E, 0x2066, 0x200B, 0xFEFF)]


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, and all of its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found = set[tuple[str, ...]]()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, *sorted(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def diagram(*names: str) -> Diagram:
    nodes = [Node(name, f"//{name}", name, f"{name} //{name}:{name}\nBUILD:1:1", root=True) for name in names]
    return Diagram(tuple(nodes), tuple((0, number) for number in range(1, len(nodes))), names[0])


def test_a_diff_of_hostile_images_has_the_elements_of_a_plain_one() -> None:
    hostile, plain = (Elements(diff_html(hostile_diff(names))) for names in (HOSTILE, ["a", "b", "c"]))
    assert hostile.found == plain.found
    assert [name for name in HOSTILE if printable(name) not in hostile.text] == []
    assert [char for char in UNSEEN if char in hostile.text] == []


def test_a_picture_of_hostile_names_has_the_elements_of_a_plain_one() -> None:
    hostile, plain = (Elements(html(diagram(*names), names[0])) for names in (HOSTILE, ["a", "b", "c"]))
    assert hostile.found == plain.found
    assert [char for char in UNSEEN if char in hostile.text] == []


def test_a_picture_of_hostile_names_is_sound_xml() -> None:
    hostile, plain = (ET.fromstring(svg(diagram(*names), names[0])) for names in (HOSTILE, ["a", "b", "c"]))
    shapes = [{(part.tag, *sorted(part.keys())) for part in picture.iter()} for picture in (hostile, plain)]
    assert shapes[0] == shapes[1]
