"""Files that belong to a package, patterns that name them, and folders that are never entered."""

from pathlib import Path

import pytest
from graph_fakes import Place, place
from hypothesis import given
from hypothesis import strategies as st

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.glob import pattern

TREE = {
    "p/BUILD": "",
    "p/a.py": "",
    "p/b.txt": "",
    "p/.hidden": "",
    "p/d/c.py": "",
    "p/d/e/f.py": "",
    "p/sub/BUILD": "",
    "p/sub/of_sub.py": "",
    "p/d/sub/BUILD.mbuild": "",
    "p/d/sub/of_sub.py": "",
    "p/nested/mbuild.toml": "",
    "p/nested/BUILD": "",
    "p/nested/x.py": "",
    "p/.git/x.py": "",
    "p/venv/pyvenv.cfg": "",
    "p/venv/x.py": "",
    "p/mbuild-out/x.py": "",
    "p/__pycache__/x.py": "",
    "q/BUILD": "",
    "q/x.py": "",
    "q/deep/er/BUILD": "",
    "no/x.py": "",
}


@pytest.fixture
def files(tmp_path: Path) -> WorkspaceFiles:
    made = place(tmp_path, TREE)
    (tmp_path / "p" / "linked").symlink_to(tmp_path / "q")
    (tmp_path / "p" / "round").symlink_to(tmp_path / "p")
    (tmp_path / "p" / "link.py").symlink_to(tmp_path / "q" / "x.py")
    return WorkspaceFiles(made.workspace)


@pytest.mark.parametrize(
    ("include", "exclude", "found"),
    [
        (["*.py"], [], ["a.py", "link.py"]),
        (["**/*.py"], [], ["a.py", "d/c.py", "d/e/f.py", "link.py"]),
        (["**"], [], [".hidden", "BUILD", "a.py", "b.txt", "d/c.py", "d/e/f.py", "link.py"]),
        (["**"], ["**/*.py", ".*"], ["BUILD", "b.txt"]),
        (["d/**"], [], ["d/c.py", "d/e/f.py"]),
        (["d/*"], [], ["d/c.py"]),
        (["**/e/*"], [], ["d/e/f.py"]),
        (["**/d/**/*.py"], [], ["d/c.py", "d/e/f.py"]),
        (["?.py"], [], ["a.py"]),
        (["a.py", "b.txt", "a.*"], [], ["a.py", "b.txt"]),
        (["sub/*", "d/sub/*", "nested/*", ".git/*", "venv/*", "mbuild-out/*", "linked/*", "round/*"], [], []),
        (["d"], [], []),
        (["A.PY", "[ab].py", "a+py"], [], []),
    ],
)
def test_a_glob_gives_the_files_of_its_package(
    files: WorkspaceFiles, include: list[str], exclude: list[str], found: list[str]
) -> None:
    assert files.glob("p", include, exclude) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/etc/*", "it must be a plain path below the package"),
        ("../*", "it must be a plain path below the package"),
        ("a/./b", "it must be a plain path below the package"),
        ("", "it must be a plain path below the package"),
        ("a//b", "it must be a plain path below the package"),
        ("**.py", "'**' must stand alone between slashes"),
    ],
)
def test_a_pattern_that_could_match_nothing_is_refused(text: str, why: str) -> None:
    with pytest.raises(BuildError) as error:
        pattern(text)
    assert error.value.message == f"invalid glob pattern {text!r}: {why}"


COMPONENT = st.text(st.sampled_from("ab*?.["), min_size=1, max_size=4).filter(
    lambda text: text not in (".", "..") and "**" not in text
)


@given(st.lists(COMPONENT, min_size=1, max_size=3))
def test_a_pattern_never_crosses_a_slash_without_two_stars(parts: list[str]) -> None:
    compiled = pattern("/".join(parts))
    name = "/".join(part.replace("*", "x").replace("?", "y") for part in parts)
    assert compiled.fullmatch(name)
    assert not compiled.fullmatch(name + "/x")
    assert pattern("**/" + "/".join(parts)).fullmatch("x/y/" + name)


def test_packages_are_found_but_not_inside_of_what_is_foreign(files: WorkspaceFiles) -> None:
    assert list(files.packages_below("")) == ["p", "p/d/sub", "p/sub", "q", "q/deep/er"]
    assert list(files.packages_below("q")) == ["q", "q/deep/er"]
    assert list(files.packages_below("no")) == list(files.packages_below("gone")) == []


def test_build_mbuild_wins_and_the_configuration_chooses(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": "", "BUILD.mbuild": "", "p/BUILD": "", "r/RULES": ""})
    files = WorkspaceFiles(made.workspace)
    assert (files.build_file(""), files.build_file("p"), files.build_file("r")) == ("BUILD.mbuild", "p/BUILD", None)
    made.write({"mbuild.toml": '[workspace]\nbuild_files = ["RULES"]\n'})
    files = WorkspaceFiles(made.workspace)
    assert (files.build_file(""), files.build_file("r")) == (None, "r/RULES")


def test_a_file_belongs_to_the_innermost_package(files: WorkspaceFiles) -> None:
    assert files.package_around("p", "d/sub/of_sub.py") == "p/d/sub"
    assert files.package_around("p", "d/c.py") is None
    assert files.package_around("", "q/deep/er/x") == "q/deep/er"


def test_facts_hold_until_an_answer_would_be_another(tmp_path: Path) -> None:
    made = place(tmp_path, {"p/BUILD": "x", "p/a.py": ""})
    files = WorkspaceFiles(made.workspace)
    assert files.read("", "p/BUILD") == "x"
    assert files.read("", "p/gone") is None
    assert files.is_file("", "p/later") is False
    assert files.glob("p", ["*.py"], []) == ["a.py"]
    changes: list[tuple[str, str | None, bool]] = [
        ("p/a.py", "its content is no fact", True),
        ("unseen/file", "", True),
        ("p/mbuild-out/manifest.json", "what a build leaves is no fact", True),
        ("p/.git/index", "", True),
        ("p/BUILD", "y", False),
        ("p/BUILD", "x", True),
        ("p/b.py", "", False),
        ("p/b.py", None, True),
        ("p/gone", "", False),
        ("p/gone", None, True),
    ]
    for path, content, holds in changes:
        if content is None:
            (tmp_path / path).unlink()
        else:
            made.write({path: content})
        assert WorkspaceFiles(made.workspace).still_true(files.facts) is holds, (path, content)


def test_text_that_is_not_utf_8_is_refused_where_it_stands(tmp_path: Path) -> None:
    made = Place(tmp_path).write({"mbuild.toml": ""})
    (tmp_path / "BUILD").write_bytes(b'# one\nx = "\xff"\n')
    with pytest.raises(BuildErrors) as raised:
        made.analyze("//...")
    assert str(raised.value) == "BUILD:2:6: error: not UTF-8 text: there is a byte 0xff"
