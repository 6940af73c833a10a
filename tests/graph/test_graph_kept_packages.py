"""Kept packages: used again while everything that each rests on is the same, loaded anew when any of it changes."""

import os
from pathlib import Path

import pytest
from graph_fakes import LOAD, TOOLS, Place, RecordingCache, one_rule, place

from buildkit.graph.analysis import analyze
from buildkit.graph.files import old_enough
from buildkit.graph.loader import Loader
from buildkit.graph.package import Target
from buildkit.label import Label, TargetPattern

RULES = one_rule('{"srcs": attr.label_list(allow_files = True), "n": attr.int(), "lock": attr.lock()}')
FILES = RULES | {
    "p/BUILD": LOAD
    + 'thing(name = "x", srcs = glob(["*.csv"]) + ["//q:y"], n = select({"//q:on": 1}), lock = "p.lock")\n',
    "p/a.csv": "",
    "q/BUILD": LOAD
    + 'config_setting(name = "on", define_values = {"a": "b"}, visibility = ["//visibility:public"])\n'
    + 'exports_files(["f.txt"])\n'
    + 'alias(name = "y", actual = "f.txt", visibility = ["//p:__pkg__"])\n',
    "q/f.txt": "",
    "r/BUILD": "",
}


class CountingLoader(Loader):
    """Notes the packages whose BUILD files are run."""

    def __init__(self, made: Place) -> None:
        super().__init__(made.workspace, made.cache, made.print)
        self.ran: list[str] = []

    def _run(self, name):  # type: ignore[no-untyped-def]
        self.ran.append(name)
        return super()._run(name)


@pytest.fixture
def made(tmp_path: Path) -> Place:
    made = place(tmp_path, FILES)
    made.cache = RecordingCache()
    return made


def load(made: Place, *patterns: str) -> tuple[dict[Label, Target], list[str]]:
    """The targets, all that they need among them, and the packages that were run for it."""
    loader = CountingLoader(made)
    graph = loader.graph([TargetPattern.parse(text) for text in patterns or ("//...",)])
    loader.keep()
    return dict(graph.targets), loader.ran


def test_where_nothing_changed_no_package_is_run_and_targets_are_the_same(made: Place) -> None:
    first, ran = load(made)
    assert ran == ["p", "q", "r"]
    assert load(made) == (first, [])


def test_places_of_attributes_survive(made: Place) -> None:
    load(made)
    targets, _ = load(made)
    target = targets[Label("", "p", "x")]
    assert str(target.span) == "p/BUILD:2:1"
    assert {name: str(span) for name, span in target.spans.items()} == {
        "name": "p/BUILD:2:7",
        "srcs": "p/BUILD:2:19",
        "n": "p/BUILD:2:55",
        "lock": "p/BUILD:2:82",
    }


CHANGES = {
    "a BUILD file": ("q/BUILD", FILES["q/BUILD"] + "\n", ["q"]),
    "a .bzl file": ("defs.bzl", FILES["defs.bzl"] + "\n", ["p", "q"]),
    "a lock that appears": ("p/p.lock", '{"damaged": 1}', ["p"]),
    "what a glob finds": ("p/b.csv", "", ["p"]),
    "a new package": ("r/s/BUILD", "", ["r", "r/s"]),
    "a BUILD file that wins": ("r/BUILD.mbuild", "", ["r"]),
    "what a build leaves": ("mbuild-out/p/x.txt", "", []),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_loads_the_packages_anew_that_rest_on_it(made: Place, change: str) -> None:
    load(made)
    path, text, expected = CHANGES[change]
    made.write({path: text})
    loader = CountingLoader(made)
    for name in loader.files.packages_below(""):
        try:
            loader.package(name)
        except Exception as error:  # the damaged lock
            assert "p.lock" in str(error)  # noqa: PT017
    assert loader.ran == expected


def test_a_file_that_was_only_touched_is_the_same_file(made: Place) -> None:
    first, _ = load(made)
    os.utime(made.root / "p" / "BUILD", ns=(0, 0))
    assert load(made) == (first, [])


def test_only_a_file_that_was_old_when_it_was_read_is_believed_by_its_stamp(made: Place) -> None:
    status = (made.root / "q" / "f.txt").stat()
    written = max(status.st_mtime_ns, status.st_ctime_ns)
    assert old_enough(status, written + 1_999_999_999) is None
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    assert old_enough(status, written + 2_000_000_001) == stamp


def test_kept_packages_are_analyzed_as_loaded_ones_are(made: Place) -> None:
    def ask() -> object:
        loader = CountingLoader(made)
        graph = loader.graph([TargetPattern.parse("//q:y"), TargetPattern.parse("//r:all")])
        loader.keep()
        return analyze(graph, loader.rules, TOOLS, made.print), sorted(map(str, loader.rules)), loader.ran

    first = ask()
    assert first[1:] == (["//q:on", "//q:y"], ["q", "r"])  # type: ignore[index]
    assert ask() == (*first[:2], [])  # type: ignore[index]


def test_where_code_prints_nothing_is_kept(made: Place) -> None:
    made.write({"r/BUILD": 'print("seen")\n'})
    load(made)
    assert load(made)[1] == ["p", "q", "r"]
    assert made.printed == ["r/BUILD:1:1: seen"] * 2


def test_a_package_that_is_gone_is_not_recalled(made: Place) -> None:
    load(made)
    (made.root / "r" / "BUILD").unlink()
    assert Label("", "r", "x") not in load(made)[0]
    made.write({"r/BUILD": LOAD + 'thing(name = "x")\n'})
    assert Label("", "r", "x") in load(made)[0]


@pytest.mark.parametrize("data", [b"", b"damaged", b"\x80\x05K\x01.", b"\x80\x05K\x01K\x02\x86."])
def test_a_damaged_one_is_a_missing_one(made: Place, data: bytes) -> None:
    load(made)
    for key in list(made.cache.kept):
        made.cache.put(key, data)
    assert load(made)[1] == ["p", "q", "r"]
