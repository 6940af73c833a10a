"""The kept graph: used again while everything it rests on is the same, made anew when any of it changes."""

from pathlib import Path

import pytest
from graph_fakes import LOAD, TOOLS, Place, RecordingCache, one_rule, place

from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.kept import keep, kept_key, recall
from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key
from buildkit.label import TargetPattern

REQUEST = {
    "requirements": ["demo"],
    "constraints": [],
    "python": "3.11",
    "platform": "linux/amd64",
    "glibc": "2.36",
}
ENTRY = LockEntry("demo", "1.0", "demo-1.0-py3-none-any.whl", 10, "0" * 64)
FILES = one_rule('{"srcs": attr.label_list(allow_files = True), "lock": attr.lock()}') | {
    "p/BUILD": LOAD + 'thing(name = "x", srcs = glob(["*.csv"]) + ["q/late.txt"], lock = "p.lock")\n',
    "p/a.csv": "",
    "p/q/late.txt": "",
    "p/p.lock": render_lock(Lock("python", request_key("python", REQUEST), (ENTRY,))),
    "r/BUILD": "",
}
TOOL_VERSIONS = [("write", 1)]


@pytest.fixture
def made(tmp_path: Path) -> Place:
    made = place(tmp_path, FILES)
    made.cache = RecordingCache()
    return made


def ask(made: Place, *patterns: str, package: str = "") -> tuple[Analysis, bool]:
    """The analysis of patterns, and whether it was the kept one."""
    key = kept_key(made.workspace, package, patterns, TOOL_VERSIONS)
    if kept := recall(key, WorkspaceFiles(made.workspace), made.cache):
        return kept, True
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(text, package) for text in patterns])
    analyzed = analyze(graph, loader.rules, TOOLS, made.print)
    keep(key, loader.files, analyzed, made.cache)
    return analyzed, False


def test_where_nothing_changed_nothing_is_loaded(made: Place) -> None:
    first, was_kept = ask(made, "//...")
    assert not was_kept
    assert ask(made, "//...") == (first, True)


def test_another_question_is_another_graph(made: Place) -> None:
    ask(made, ":all", package="p")
    assert not ask(made, ":all", package="r")[1]
    assert not ask(made, "//p:all")[1]
    assert ask(made, ":all", package="p")[1]
    key = kept_key(made.workspace, "p", [":all"], TOOL_VERSIONS)
    assert key != kept_key(made.workspace, "p", [":all"], [("write", 2)])


CHANGES = {
    "a BUILD file": ("p/BUILD", FILES["p/BUILD"] + "\n"),
    "a .bzl file": ("defs.bzl", FILES["defs.bzl"] + "\n"),
    "a lock": ("p/p.lock", FILES["p/p.lock"].replace("1.0", "1.1")),
    "what a glob finds": ("p/b.csv", ""),
    "a new package": ("r/s/BUILD", ""),
    "a package around a file": ("p/q/BUILD", 'exports_files(["late.txt"])\n'),
    "a BUILD file that wins": ("p/BUILD.mbuild", FILES["p/BUILD"]),
    "a nested workspace": ("r/mbuild.toml", ""),
    "the configuration": ("mbuild.toml", '[workspace]\nbuild_files = ["BUILD"]\n'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_the_graph_anew_and_undone_it_is_used_again(made: Place, change: str) -> None:
    path, text = CHANGES[change]
    made.cache.kept.clear()
    first, _ = ask(made, "//...", "-//p/q/...")
    file = made.root / path
    before = file.read_text() if file.exists() else None
    made.write({path: text})
    files = WorkspaceFiles(made.workspace)
    key = kept_key(made.workspace, "", ("//...", "-//p/q/..."), TOOL_VERSIONS)
    assert recall(key, files, made.cache) is None
    if before is None:
        file.unlink()
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
    else:
        made.write({path: before})
    assert ask(made, "//...", "-//p/q/...") == (first, True)


def test_a_file_that_vanished_makes_the_graph_anew(made: Place) -> None:
    ask(made, "//p:x")
    (made.root / "p" / "a.csv").unlink()
    key = kept_key(made.workspace, "", ("//p:x",), TOOL_VERSIONS)
    assert recall(key, WorkspaceFiles(made.workspace), made.cache) is None


def test_sources_contents_and_what_builds_leave_are_no_part_of_it(made: Place) -> None:
    ask(made, "//...")
    made.write({"p/a.csv": "other", "mbuild-out/p/x.txt": "", ".git/HEAD": "", "p/__pycache__/x.pyc": ""})
    assert ask(made, "//...")[1]


@pytest.mark.parametrize("data", [b"", b"damaged", b"\x80\x05K\x01.", b"\x80\x05K\x01K\x02\x86."])
def test_a_damaged_one_is_a_missing_one(made: Place, data: bytes) -> None:
    key = kept_key(made.workspace, "", ("//...",), TOOL_VERSIONS)
    made.cache.put(key, data)
    assert recall(key, WorkspaceFiles(made.workspace), made.cache) is None
    assert not ask(made, "//...")[1]
