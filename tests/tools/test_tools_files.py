import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tools_archives import blob, tarred, unpacked

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci import tar
from buildkit.store import DiskStore, MemoryStore
from buildkit.tools import TOOLS


def files_layer(store: MemoryStore, **arguments: object) -> dict[str, tuple[str, int, bytes | str]]:
    made = TOOLS["files_layer"](store, **arguments)
    found = unpacked(store.read(made["layer"]))
    tree = Tree.from_json(store.read(made["tree"]))
    assert [(e.path, str(e.kind), e.mode) for e in tree.entries] == [(p, k, m) for p, (k, m, _) in found.items()]
    assert all(e.digest == Digest.of(found[e.path][2]) for e in tree.entries if e.digest)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("compression", [None, "zstd", "gzip", "none"])
def test_files_trees_and_links_become_one_layer(compression: str | None) -> None:
    store = MemoryStore()
    inside = Tree.of(
        [
            Entry("d", Kind.DIRECTORY, 0o700),
            Entry("d/run", Kind.FILE, 0o4777, store.put(b"run")),
            Entry("d/link", Kind.SYMLINK, 0o777, target="run"),
        ]
    )
    found = files_layer(
        store,
        files={
            "models/m/weights.bin": blob(store, b"w" * 700),
            "models/tree": Blob(store.put(inside.to_json()), tree=True),
            "opt/app/start": blob(store, b"#!/bin/sh\n"),
        },
        links={"opt/current": "app"},
        executables=["opt/app/start"],
        compression=compression,
    )
    assert found == {
        "models": ("directory", 0o755, ""),
        "models/m": ("directory", 0o755, ""),
        "models/m/weights.bin": ("file", 0o644, b"w" * 700),
        "models/tree": ("directory", 0o755, ""),
        "models/tree/d": ("directory", 0o755, ""),
        "models/tree/d/link": ("symlink", 0o777, "run"),
        "models/tree/d/run": ("file", 0o755, b"run"),
        "opt": ("directory", 0o755, ""),
        "opt/app": ("directory", 0o755, ""),
        "opt/app/start": ("file", 0o755, b"#!/bin/sh\n"),
        "opt/current": ("symlink", 0o777, "app"),
    }


def test_the_bytes_of_an_uncompressed_layer_are_pinned() -> None:
    store = MemoryStore()
    made = TOOLS["files_layer"](store, files={"models/m/w": blob(store, b"w" * 700)}, compression="none")
    expected = b"".join(
        [
            tar.header("models", Kind.DIRECTORY, 0o755),
            tar.header("models/m", Kind.DIRECTORY, 0o755),
            tar.header("models/m/w", Kind.FILE, 0o644, 700) + b"w" * 700 + bytes(324 + 1024),
        ]
    )
    assert made["layer"] == Digest.of(expected)
    assert store.read(made["layer"]) == expected
    assert json.loads(store.read(made["descriptor"])) == {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": str(made["layer"]),
        "diffID": str(made["layer"]),
        "size": len(expected),
        "tree": str(made["tree"]),
        "treeSize": made["tree"].size,
    }


def test_weights_are_neither_copied_nor_read_twice(tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"0123456789" * 600_000)
    store = DiskStore(tmp_path / "store")
    promised = Blob(store.promise(weights))
    made = TOOLS["files_layer"](store, files={"models/weights.bin": promised}, compression="none")
    tree = Tree.from_json(store.read(made["tree"]))
    assert tree.entries[-1].digest == Digest.of(weights.read_bytes())
    kept = sum(path.stat().st_size for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file())
    assert kept < 2000
    with store.open(made["layer"]) as opened:
        assert Digest.of(opened.read()) == made["layer"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../x", "unsafe path '../x': expected a plain relative path below the root"),
        ("a/f/x", "'a/f/x' lies inside 'a/f', which is a file"),
    ],
)
def test_paths_that_no_layer_can_hold_are_refused(path: str, message: str) -> None:
    store = MemoryStore()
    with pytest.raises(BuildFailure) as caught:
        TOOLS["files_layer"](store, files={"a/f": blob(store, b"1"), path: blob(store, b"2")})
    assert caught.value.message == message


def test_what_layers_cannot_be_compressed_with_is_refused() -> None:
    store = MemoryStore()
    with pytest.raises(BuildFailure) as caught:
        TOOLS["files_layer"](store, files={"a": blob(store, b"1")}, compression="xz")
    assert caught.value.message == "layers cannot be compressed with 'xz': expected zstd, gzip or none"


ARCHIVE = tarred(("./d/", None), ("./d/b", b"b"), ("./d/a", "= ./d/b"), ("./l", "-> d/b"), modes={"./d/b": 0o700})
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
@pytest.mark.parametrize("packing", PACKERS)
def test_a_tar_of_any_packing_becomes_a_layer(packing: str, compression: str) -> None:
    store = MemoryStore()
    archive = blob(store, PACKERS[packing](ARCHIVE))
    made = TOOLS["tar_layer"](store, archive=archive, prefix="opt/x", compression=compression)
    assert unpacked(store.read(made["layer"])) == {
        "opt": ("directory", 0o755, ""),
        "opt/x": ("directory", 0o755, ""),
        "opt/x/d": ("directory", 0o755, ""),
        "opt/x/d/a": ("file", 0o755, b"b"),
        "opt/x/d/b": ("file", 0o755, b"b"),
        "opt/x/l": ("symlink", 0o777, "d/b"),
    }


def test_a_tar_that_climbs_out_is_refused() -> None:
    store = MemoryStore()
    with pytest.raises(BuildFailure) as caught:
        TOOLS["tar_layer"](store, archive=blob(store, tarred(("../x", b"1"))), prefix="opt")
    assert caught.value.message == "the archive: member '../x' has an unsafe name: it would leave its folder"


def test_text_becomes_a_file() -> None:
    store = MemoryStore()
    made = TOOLS["write"](store, content="é\n", executable=True)
    assert store.read(made["file"]) == b"\xc3\xa9\n"


def test_a_template_is_filled_in_one_string_after_the_other() -> None:
    store = MemoryStore()
    template = Blob(store.put(b"{a} \xff {a}{b}"))
    made = TOOLS["expand_template"](store, template=template, substitutions=[["{a}", "{b}"], ["{b}", "c"]])
    assert store.read(made["file"]) == b"c \xff cc"


def test_a_link_is_the_same_bytes() -> None:
    store = MemoryStore()
    target = store.put(b"content")
    assert TOOLS["symlink"](store, target=Blob(target)) == {"file": target}
