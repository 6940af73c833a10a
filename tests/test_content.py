"""Trees and recipes: sorted, checked, one document for one content."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.content import Entry, Inline, Kind, Recipe, Slice, Tree, check_path, folders_above, parents
from buildkit.digest import Digest
from buildkit.errors import BuildFailure

SOME = Digest.of(b"some")
NAMES = st.text(st.sampled_from("ab-.ä/"), min_size=1, max_size=6)


def file(path: str) -> Entry:
    return Entry(path, Kind.FILE, 0o644, SOME)


def test_a_tree_is_sorted_by_bytes_with_parents_first() -> None:
    entries = [file("d/x"), file("d-e"), Entry("d", Kind.DIRECTORY, 0o755), file("ä"), file("z"), file("Z")]
    assert [entry.path for entry in Tree.of(entries).entries] == ["Z", "d", "d-e", "d/x", "z", "ä"]


def test_the_document_of_a_tree_is_canonical_and_reads_back() -> None:
    tree = Tree.of(
        [file("d/x"), Entry("d", Kind.DIRECTORY, 0o755), Entry("link", Kind.SYMLINK, 0o777, target="../away")]
    )
    document = tree.to_json()
    assert json.loads(document) == {
        "tree": 1,
        "entries": [
            {"path": "d", "kind": "directory", "mode": 0o755},
            {"path": "d/x", "kind": "file", "mode": 0o644, "digest": str(SOME), "size": 4},
            {"path": "link", "kind": "symlink", "mode": 0o777, "target": "../away"},
        ],
    }
    assert b" " not in document
    assert Tree.from_json(document) == tree


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a", "a"], "two entries have the path 'a'"),
        (["a", "a/b"], "'a/b' lies inside 'a', which is a file"),
        (["a", "a-b", "a/b/c"], "'a/b/c' lies inside 'a', which is a file"),
        (["/a"], "unsafe path '/a': expected a plain relative path below the root"),
        (["a/../b"], "unsafe path 'a/../b': expected a plain relative path below the root"),
        ([".."], "unsafe path '..': expected a plain relative path below the root"),
        (["./a"], "unsafe path './a': expected a plain relative path below the root"),
        (["a//b"], "unsafe path 'a//b': expected a plain relative path below the root"),
        (["a/"], "unsafe path 'a/': expected a plain relative path below the root"),
        ([""], "unsafe path '': expected a plain relative path below the root"),
        (["a\0b"], "unsafe path 'a\\x00b': expected a plain relative path below the root"),
        (["\udcff"], "path '\\udcff' is not valid UTF-8"),
    ],
)
def test_a_tree_that_could_lead_astray_is_refused(paths: list[str], message: str) -> None:
    with pytest.raises(BuildFailure) as error:
        Tree.of(file(path) for path in paths)
    assert error.value.message == message


def test_a_file_behind_a_symlink_is_refused() -> None:
    with pytest.raises(BuildFailure, match=r"'a/b' lies inside 'a', which is a symlink"):
        Tree.of([Entry("a", Kind.SYMLINK, 0o777, target="/etc"), file("a/b")])


def test_a_document_is_checked_anew_when_it_is_read() -> None:
    with pytest.raises(BuildFailure, match="unsafe path"):
        Tree.from_json(b'{"tree":1,"entries":[{"path":"../x","kind":"directory","mode":493}]}')


@given(st.lists(NAMES, max_size=6))
def test_every_tree_that_is_accepted_reads_back_and_has_one_order(paths: list[str]) -> None:
    try:
        tree = Tree.of(file(path) for path in paths)
    except BuildFailure:
        return
    assert Tree.of(reversed(tree.entries)) == tree == Tree.from_json(tree.to_json())
    for entry in tree.entries:
        check_path(entry.path)
        assert not {entry.path} & {parent for other in tree.entries for parent in parents(other.path)}


def test_parents_are_the_folders_above_outermost_first() -> None:
    assert list(parents("a/b/c")) == ["a", "a/b"]
    assert list(parents("a")) == []


def test_a_recipe_knows_its_length() -> None:
    assert Recipe((Inline(b"head"), Slice(SOME, 1, 2), Inline(b""))).size == 6
    assert Recipe(()).size == 0


def test_paths_of_a_thousand_folders_each_are_a_bomb() -> None:
    """A few megabytes of an archive's directory would become gigabytes of folders' names."""
    with pytest.raises(BuildFailure) as caught:
        folders_above(f"{number}/" + "a/" * 2000 for number in range(100_000))
    assert caught.value.message == "paths in 34017 folders, whose names are 68082024 characters: refused as a bomb"
