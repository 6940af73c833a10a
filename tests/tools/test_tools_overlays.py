"""Layers over each other: the quick look says yes only to what the careful one takes, and each refusal is told."""

from __future__ import annotations

import json
import random

import pytest

from buildkit.content import Tree
from buildkit.errors import BuildError
from buildkit.tools.overlays import check_carefully, check_layers

HEX, OTHER = "sha256:" + "0" * 64, "sha256:" + "1" * 64
FILE = {"path": "a/b", "kind": "file", "mode": 0o644, "digest": HEX, "size": 3}
FOLDER = {"path": "a", "kind": "directory", "mode": 0o755}


def document(*rows: object) -> bytes:
    return json.dumps({"tree": 1, "entries": rows}).encode()


def told(documents: list[bytes]) -> str | None:
    try:
        check_layers(documents, [f"layer {number}" for number, _ in enumerate(documents, 1)])
    except BuildError as error:
        return error.message
    return None


NO_TREE = "not the document of a tree: expected the 'tree' output of a layer, or a folder"


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], None),
        ([document(FOLDER, FILE), document(FOLDER)], None),
        ([document(FILE), document(FILE | {"digest": OTHER})], "mode 0644) in layer 2"),
        ([document(FILE), document(FILE | {"mode": 0o755})], "mode 0755) in layer 2"),
        ([document(FILE), document({"path": "a", "kind": "symlink", "mode": 0o777, "target": "b"})], "symlink to 'b'"),
        ([document(FILE | {"path": "a"}), document(FILE)], "'a/b' of layer 2 lies inside 'a', which is a file"),
        ([document(FILE, FILE)], "two entries have the path 'a/b'"),
        ([document(FILE | {"path": "../b"})], "unsafe path '../b': expected a plain relative path below the root"),
        ([document(FILE | {"path": "a//b"})], "unsafe path 'a//b'"),
        ([document(FILE | {"path": "/a"})], "unsafe path '/a'"),
        ([document(FILE | {"path": "a/"})], "unsafe path 'a/'"),
        ([document(FILE | {"path": "a/."})], "unsafe path 'a/.'"),
        ([document(FILE | {"path": "a\0"})], r"unsafe path 'a\x00'"),
        ([document(FILE | {"path": "a/..x/...", "size": 0})], None),
        ([document(FILE | {"path": "a\nb"})], None),
        ([document(FILE | {"path": "\ud800"})], r"path '\ud800' is not valid UTF-8"),
        ([document(FILE | {"digest": "sha256:x"})], NO_TREE),
        ([document(FILE | {"digest": 3})], NO_TREE),
        ([document(FILE | {"kind": "socket"})], NO_TREE),
        ([document(FILE | {"mode": "rw"})], NO_TREE),
        ([document(FILE | {"mode": -1})], NO_TREE),
        ([document(FILE | {"mode": 0o10000})], NO_TREE),
        ([document(FILE | {"size": -1})], NO_TREE),
        ([document(FILE | {"size": 1 << 63})], NO_TREE),
        ([document(FOLDER | {"size": "x"})], NO_TREE),
        ([document(FOLDER | {"target": "\0"})], NO_TREE),
        ([document(FOLDER | {"target": "\ud800"})], NO_TREE),
        ([document({"kind": "directory", "mode": 0o755})], NO_TREE),
        ([b"[]"], NO_TREE),
        ([b"no JSON"], NO_TREE),
        ([b'{"entries": "text"}'], NO_TREE),
    ],
)
def test_what_does_not_fit_is_told(documents: list[bytes], message: str | None) -> None:
    found = told(documents)
    assert found is None if message is None else found is not None and message in found


def test_the_hints_say_what_can_be_done() -> None:
    one_owner = "let one of the two bring it: leave the other package or file out where it is asked for, or move it"
    hints = []
    for other in (document(FILE | {"mode": 0o755}), document(FILE | {"path": "a"})):
        with pytest.raises(BuildError) as caught:
            check_layers([document(FILE), other], ["one", "two"])
        hints.append(caught.value.hint)
    assert hints == [one_owner, f"write the path that is really meant, or {one_owner}"]


def test_the_quick_look_takes_no_more_than_the_careful_one() -> None:
    for seed in range(1500):
        documents = _some(random.Random(seed))
        try:
            check_carefully([Tree.from_json(each) for each in documents], [f"layer {n}" for n in range(1, 4)])
        except BuildError as error:
            expected: str | None = error.message
        else:
            expected = None
        assert told(documents) == expected


def _some(chance: random.Random) -> list[bytes]:
    paths = ["a", "a/b", "a/b/c", "d", "d/e", "f"]
    kinds = [{"kind": "directory", "mode": 0o755}] * 4 + [
        {"kind": "file", "mode": 0o644, "digest": HEX, "size": 1},
        {"kind": "symlink", "mode": 0o777, "target": "x"},
    ]
    same = {path: chance.choice(kinds) for path in paths}
    rarely = [{"path": ".."}, {"mode": 1}, {"target": "y"}, {"path": "a"}]
    return [
        document(
            *(
                {"path": path} | same[path] | (chance.choice(rarely) if chance.random() < 0.03 else {})
                for path in paths
                if chance.random() < 0.5
            )
        )
        for _ in range(3)
    ]
