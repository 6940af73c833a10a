"""mbuild's web pages in a real browser: they are drawn, their scripts run, and they ask for nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import Browser, Opened
from hostile_names import HOSTILE, hostile_diff
from image_layouts import Files, Made, safetensors
from invocations import Place

from buildkit.report.image.diff_html import diff_html
from buildkit.report.picture.html import html
from buildkit.report.picture.nodes import Diagram, Node

pytestmark = pytest.mark.e2e

ATTACK = "<script>document.title='taken'</script><img src=http://127.0.0.1:9/x onerror=\"document.title='taken'\">"
F = ("F16", [2], b"1234")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "workspace", tmp_path / "store")
    found.write(
        {
            "mbuild.toml": "",
            "a/BUILD": """\
filegroup(name = "x", srcs = [":y"])
filegroup(name = "y", srcs = ["f.txt"])
filegroup(name = "z", srcs = [":y"])
""",
            "a/f.txt": "",
        }
    )
    return found


def quiet(opened: Opened) -> None:
    """Nothing on the console, nothing asked of a network, and a picture with something in it."""
    assert (opened.console, opened.requests) == ([], [])
    assert opened.screenshot[:8] == b"\x89PNG\r\n\x1a\n"
    assert opened.drawn > 100  # lines: text among them


def acting(page: Path, script: str) -> Path:
    """The page with a visitor's hand in it, whom its policy would not let in."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    other = page.with_name("acting.html")
    other.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    return other


def test_a_page_that_does_ask_for_something_is_seen_to(tmp_path: Path, browser: Browser) -> None:
    """Else the other tests would prove nothing."""
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><title>x</title>{ATTACK}<script>console.error('oh'); undefined_name()</script>")
    opened = browser.open(page)
    assert "<title>taken</title>" in opened.dom
    assert opened.requests == ["http://127.0.0.1:9/x"]
    assert ["oh" in line or "undefined_name" in line for line in opened.console] == [True, True]
    page.write_text("<!doctype html>")
    assert browser.open(page).drawn == 0


def test_the_page_of_a_diff_is_drawn_and_can_be_searched(place: Place, browser: Browser) -> None:
    one: Files = {"models/m.safetensors": safetensors({"a": F, "b": F}), ATTACK: "1"}
    two: Files = {"models/m.safetensors": safetensors({"a": F}), "new": "1"}
    config = {"config": {"Labels": {ATTACK: ATTACK}}}
    Made([{"base": "1"}, one]).write(place.root / "one")
    Made([{"base": "1"}, two], config=config).write(place.root / "two")
    ran = place.mbuild("image", "diff", "oci:one", "oci:two", "--html", "diff.html")
    assert (ran.code, ran.stderr) == (0, "")
    page = place.root / "diff.html"
    opened = browser.open(page)
    quiet(opened)
    assert "<title>oci:one → oci:two</title>" in opened.dom  # no name that the images chose has run
    assert re.search(r'<span id="count">7 of 7 changes</span>', opened.dom)
    assert opened.dom.count("<tr class=") == 7
    assert '<tr class="removed"><td>-</td><td>b</td><td>F16 [2]</td></tr>' in opened.dom
    found = "const i = document.querySelector('input'); i.value = 'safetensors'; i.dispatchEvent(new Event('input'));"
    searched = browser.open(acting(page, found))
    assert re.search(r'<span id="count">1 of 7 changes</span>', searched.dom)
    assert searched.dom.count('class="removed hidden"') >= 2


def test_the_policy_of_the_page_stops_what_its_escaping_might_let_through(place: Place, browser: Browser) -> None:
    Made([{"base": "1"}]).write(place.root / "one")
    Made([{"base": "2"}]).write(place.root / "two")
    place.mbuild("image", "diff", "oci:one", "oci:two", "--html", "diff.html")
    page = place.root / "diff.html"
    page.write_text(page.read_text().replace("<details", f"{ATTACK}<details", 1))
    opened = browser.open(page)
    assert "<title>oci:one → oci:two</title>" in opened.dom
    assert [request for request in opened.requests if request.startswith("http")] == []
    assert len([line for line in opened.console if "Content Security Policy" in line]) >= 2


def test_the_page_of_a_graph_is_drawn_and_can_be_searched(place: Place, browser: Browser) -> None:
    assert place.mbuild("graph", "set(//a:x //a:z)", "--output", "graph.html").code == 0
    page = place.root / "graph.html"
    opened = browser.open(page)
    quiet(opened)
    assert opened.dom.count('class="node"') == 4
    click = "document.querySelector('[data-node=\"1\"]').dispatchEvent(new Event('click'));"
    assert browser.open(acting(page, click)).dom.count('class="node dim"') == 1
    find = "const i = document.querySelector('input'); i.value = 'f.txt'; i.dispatchEvent(new Event('input'));"
    assert browser.open(acting(page, find)).dom.count('class="node dim"') == 3


def test_names_that_are_meant_to_run_are_only_read(tmp_path: Path, browser: Browser) -> None:
    """Without the policy too, and while every box and row is moved over, clicked and focused."""
    nodes = tuple(Node(name, name, name, f"{name} //{name}", root=False) for name in HOSTILE)
    edges = tuple((0, number) for number in range(1, len(nodes)))
    act = "for (const e of document.querySelectorAll('*')) for (const kind of ['mouseover', 'click', 'focus', 'load'])"
    act += " e.dispatchEvent(new Event(kind)); document.title += ' moved';"
    for text in (diff_html(hostile_diff(HOSTILE)), html(Diagram(nodes, edges, HOSTILE[0]), HOSTILE[0])):
        page = tmp_path / "page.html"
        page.write_text(text, encoding="utf-8")
        quiet(browser.open(page))
        opened = browser.open(acting(page, act))
        assert (opened.console, opened.requests) == ([], [])
        title = re.search("<title>(.*?)</title>", opened.dom)
        assert title
        assert title[1].endswith(" moved")
        assert title[1].startswith("&lt;script&gt;document.title='taken'&lt;/script&gt;")
