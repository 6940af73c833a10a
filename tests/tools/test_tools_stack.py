"""Which layers an image has of those that it is given, and in what order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tools_archives import blob

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS


class Stack:
    """Layers of given names and roles, and the image of them."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.made: list[dict[str, Digest]] = []

    def add(self, name: str, role: str = "", *paths: str) -> None:
        files = {path: blob(self.store, path.encode()) for path in paths}
        self.made.append(TOOLS["files_layer"](self.store, files=files, about={"name": name, "role": role}))

    def base(self, name: str, text: bytes) -> None:
        digest = Digest.of(text)
        about = {"name": name, "role": "base"}
        arguments = {"media_type": "application/vnd.oci.image.layer.v1.tar", "sha256": digest.hex, "size": digest.size}
        self.made.append(TOOLS["foreign_layer"](self.store, **arguments, diff_id=str(digest), about=about))

    def blobs(self, output: str) -> list[Blob]:
        return [Blob(made[output]) for made in self.made if output in made]

    def config(self) -> dict[str, Any]:
        settings = {"platform": {"os": "linux", "architecture": "amd64"}}
        arguments = {"descriptors": self.blobs("descriptor"), "trees": self.blobs("tree"), "settings": settings}
        return self.read(TOOLS["image_config"](self.store, **arguments)["config"])

    def manifest(self) -> dict[str, Any]:
        arguments = {"config": blob(self.store, b"{}"), "descriptors": self.blobs("descriptor")}
        return self.read(TOOLS["image_manifest"](self.store, **arguments)["manifest"])

    def names(self) -> list[str]:
        """The layers of the config, which must be those of the manifest."""
        config, layers = self.config(), self.manifest()["layers"]
        by_digest = {}
        for made in self.made:
            layer = self.read(made["descriptor"])
            by_digest[layer["digest"]] = layer["diffID"]
        assert [by_digest[layer["digest"]] for layer in layers] == config["rootfs"]["diff_ids"]
        return [entry["created_by"].removeprefix("mbuild: ") for entry in config["history"]]

    def read(self, digest: Digest) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.store.read(digest))
        return document


def test_layers_of_several_models_stand_by_what_they_are_for() -> None:
    stack = Stack()
    stack.base("base", b"1")
    stack.add("debian", "system", "d")
    for model in ("one", "two"):
        for role in ("weights", "weights.config", "doc", "code"):
            stack.add(f"{role} of {model}", role, f"{model}/{role}")
    stack.add("sources", "code", "s")
    stack.add("settings", "config", "c")
    assert stack.names() == [
        "base",
        "debian",
        "weights of one",
        "weights of two",
        "weights.config of one",
        "weights.config of two",
        "doc of one",
        "doc of two",
        "code of one",
        "code of two",
        "sources",
        "settings",
    ]


def test_a_layer_of_no_known_role_stays_above_what_it_was_above() -> None:
    stack = Stack()
    for name, role in [
        ("a", ""),
        ("w1", "weights"),
        ("x", "mine"),
        ("c1", "code"),
        ("w2", "weights"),
        ("p", "packages"),
    ]:
        stack.add(name, role, name)
    assert stack.names() == ["a", "p", "w1", "x", "w2", "c1"]


def test_a_layer_that_holds_nothing_is_in_no_image() -> None:
    stack = Stack()
    stack.add("numpy", "packages", "n")
    stack.add("bytecode of a", "bytecode")
    stack.add("bytecode of b", "bytecode")
    assert stack.names() == ["numpy"]
    nothing = Stack()
    nothing.add("a")
    nothing.add("b")
    assert nothing.names() == ["a"]


def test_a_layer_is_in_an_image_once() -> None:
    stack = Stack()
    stack.add("numpy 1", "packages", "n")
    stack.add("scipy", "packages", "s")
    stack.add("numpy 2", "packages", "n")
    assert stack.names() == ["numpy 1", "scipy"]


def test_layers_of_bases_stay_where_they_are_and_as_often_as_they_are() -> None:
    stack = Stack()
    stack.base("base 1", b"1")
    stack.base("base 2", b"2")
    stack.base("base 1 again", b"1")
    stack.add("code", "code", "c")
    stack.add("weights", "weights", "w")
    stack.base("another base", b"2")
    stack.add("weights again", "weights", "w")
    assert stack.names() == ["base 1", "base 2", "base 1 again", "weights", "code", "another base", "weights again"]


def test_layers_that_are_left_out_do_not_count() -> None:
    stack = Stack()
    for number in range(99):
        stack.add(f"{number}", "packages", f"{number}")
        stack.add(f"bytecode of {number}", "bytecode")
    stack.add("0 again", "packages", "0")
    assert stack.names() == [f"{number}" for number in range(99)]


def test_a_layer_whose_tree_is_not_given_is_named() -> None:
    stack = Stack()
    stack.add("one", "packages", "1")
    stack.add("two", "packages", "2")
    arguments = {"descriptors": stack.blobs("descriptor"), "trees": stack.blobs("tree")[:1]}
    with pytest.raises(BuildFailure) as caught:
        TOOLS["image_config"](stack.store, **arguments, settings={"platform": {"os": "linux", "architecture": "amd64"}})
    told = "'trees' of an image lack that of layer 'two': expected one for each of 'descriptors'"
    assert caught.value.message == told
