import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.content import Entry, Inline, Kind, Slice, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, InternalError
from buildkit.oci import tar
from buildkit.oci.layer import directory, symlink, with_parents

LONG = "usr/share/" + "d" * 120 + "/" + "n" * 90
TOO_LONG = "x" * 150
BLOBS = {Digest.of(data): data for data in (b"hello\n", b"", b"#!/bin/sh\n", b"w" * 1000)}


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, Kind.FILE, mode, Digest.of(data))


SAMPLE = with_parents(
    [
        file("etc/motd", b"hello\n"),
        file("etc/empty", b""),
        file("usr/bin/run", b"#!/bin/sh\n", 0o755),
        file(LONG, b"w" * 1000),
        file(TOO_LONG, b"hello\n"),
        file("größe", b"hello\n"),
        symlink("bin", "usr/bin"),
        symlink("long", "t" * 130),
        directory("tmp"),
    ]
)


def whole(tree: Tree) -> bytes:
    return b"".join(tar.stream(tar.recipe(tree), lambda digest: io.BytesIO(BLOBS[digest])))


def test_the_bytes_of_the_format_are_pinned() -> None:
    # If this changes, images' digests change for everybody: raise `tar.FORMAT`.
    assert tar.FORMAT == 2
    assert str(Digest.of(whole(SAMPLE))) == "sha256:845771a66570251417cfe62d3cb6a65dff086e11d9e944381d77f8243c533c01"


def test_an_empty_tree_is_two_zero_blocks() -> None:
    assert whole(Tree(())) == bytes(1024)


def test_a_recipe_holds_headers_inline_and_contents_as_slices() -> None:
    recipe = tar.recipe(with_parents([file("a/b", b"hello\n")]))
    kinds = [type(segment) for segment in recipe.segments]
    assert kinds == [Inline, Slice, Inline]
    assert recipe.segments[1] == Slice(Digest.of(b"hello\n"), 0, 6)
    assert recipe.size == 512 + 512 + 512 + 1024


def test_python_reads_back_what_was_written() -> None:
    with tarfile.open(fileobj=io.BytesIO(whole(SAMPLE))) as archive:
        members = archive.getmembers()
        contents = {m.name: archive.extractfile(m).read() for m in members if m.isfile()}  # type: ignore[union-attr]
    assert [member.name for member in members] == [entry.path for entry in SAMPLE.entries]
    assert contents == {e.path: BLOBS[e.digest] for e in SAMPLE.entries if e.digest}
    assert {m.name: m.linkname for m in members if m.issym()} == {"bin": "usr/bin", "long": "t" * 130}
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
    assert {m.name: oct(m.mode) for m in members if m.name in ("tmp", "usr", "etc/motd", "usr/bin/run", "bin")} == {
        "tmp": "0o1777",
        "usr": "0o755",
        "etc/motd": "0o644",
        "usr/bin/run": "0o755",
        "bin": "0o777",
    }


def test_gnu_tar_reads_back_what_was_written(tmp_path: Path) -> None:
    archive = tmp_path / "sample.tar"
    archive.write_bytes(whole(SAMPLE))
    (tmp_path / "out").mkdir()
    ran = subprocess.run(
        ["tar", "-C", tmp_path / "out", "-xf", archive], check=False, capture_output=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    for entry in SAMPLE.entries:
        if entry.digest:
            assert (tmp_path / "out" / entry.path).read_bytes() == BLOBS[entry.digest]


def test_pax_is_written_only_for_what_ustar_cannot_hold() -> None:
    assert tar.header(LONG, Kind.FILE, 0o644)[156:157] == b"0"
    assert b"path=" + TOO_LONG.encode() in tar.header(TOO_LONG, Kind.FILE, 0o644)
    assert b"16 path=gr\xc3\xb6\xc3\x9fe\n" in tar.header("größe", Kind.FILE, 0o644)
    assert b"linkpath=" in tar.header("l", Kind.SYMLINK, 0o777, target="t" * 101)
    assert len(tar.header("l", Kind.SYMLINK, 0o777, target="t" * 100)) == 512


def test_what_ustar_cannot_hold_is_cut_between_characters() -> None:
    # Python's reader and others decode this field although PAX says the path in full.
    assert tar.header("x" + "ü" * 60, Kind.FILE, 0o644)[1024:1124] == ("x" + "ü" * 49).encode() + b"\0"
    assert tar.header("l", Kind.SYMLINK, 0o777, target="x" + "ü" * 60)[1181:1281] == ("x" + "ü" * 49).encode() + b"\0"


def test_a_file_of_8_gib_says_its_size_in_pax() -> None:
    assert len(tar.header("big", Kind.FILE, 0o644, 8**11 - 1)) == 512
    head = tar.header("big", Kind.FILE, 0o644, 8**11)
    assert b"19 size=8589934592\n" in head
    member = tarfile.TarInfo.frombuf(head[1024:], "utf-8", "strict")
    assert (len(head), member.name) == (1536, "big")


@pytest.mark.parametrize("count", range(80, 120))
def test_pax_records_count_their_own_digits(count: int) -> None:
    head = tar.header("ü" * count, Kind.FILE, 0o644)
    with tarfile.open(fileobj=io.BytesIO(head + tar.END)) as archive:
        assert archive.getnames() == ["ü" * count]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../x", "unsafe path '../x': expected a plain relative path below the root"),
        ("/x", "unsafe path '/x': expected a plain relative path below the root"),
        ("a//b", "unsafe path 'a//b': expected a plain relative path below the root"),
        ("a/.wh.b", "'a/.wh.b' cannot be in a layer: names that start with '.wh.' are reserved for whiteouts"),
        ("\udcff", "path '\\udcff' is not valid UTF-8"),
        (f"a/{'b' * 256}", f"'a/{'b' * 256}' cannot be in a layer: a name in it has 256 bytes, Linux takes 255"),
        (f"{'ü' * 128}/b", f"'{'ü' * 128}/b' cannot be in a layer: a name in it has 256 bytes, Linux takes 255"),
    ],
)
def test_paths_that_a_layer_must_not_hold_are_refused(path: str, message: str) -> None:
    with pytest.raises(BuildFailure) as caught:
        tar.header(path, Kind.FILE, 0o644)
    assert caught.value.message == message


@pytest.mark.parametrize("path", [f"a/{'b' * 255}", "ü" * 127 + "b", "a/" * 300 + "a"])
def test_the_longest_names_that_linux_takes_are_in_layers(path: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar.header(path, Kind.FILE, 0o644) + tar.END)) as archive:
        assert archive.getnames() == [path]


def test_a_folder_whose_name_is_a_whiteout_is_refused_with_what_it_holds() -> None:
    with pytest.raises(BuildFailure) as caught:
        tar.header(".wh.a/b", Kind.FILE, 0o644)
    assert caught.value.message == (
        "'.wh.a/b' cannot be in a layer: names that start with '.wh.' are reserved for whiteouts"
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "'l' cannot be in a layer: it is a symlink to '', which no system can make"),
        ("a\0b", "'l' cannot be in a layer: it is a symlink to 'a\\x00b', which no system can make"),
        ("\udcff", "'l' cannot be in a layer: its target '\\udcff' is not valid UTF-8"),
    ],
)
def test_targets_that_a_layer_must_not_hold_are_refused(target: str, message: str) -> None:
    with pytest.raises(BuildFailure) as caught:
        tar.header("l", Kind.SYMLINK, 0o777, target=target)
    assert caught.value.message == message


def test_a_blob_that_is_too_short_or_too_long_is_refused() -> None:
    recipe = tar.recipe(with_parents([file("a", b"hello\n")]))
    digest = Digest.of(b"hello\n")
    with pytest.raises(BuildFailure, match=f"blob {digest} ends 2 bytes early"):
        list(tar.stream(recipe, lambda _: io.BytesIO(b"hell")))
    with pytest.raises(BuildFailure, match=f"blob {digest} is longer than its 6 bytes"):
        list(tar.stream(recipe, lambda _: io.BytesIO(b"hello\n!")))


def test_a_layout_gives_the_same_bytes_as_a_recipe_and_knows_its_size_before() -> None:
    layout = tar.Layout(SAMPLE)
    streamed = b"".join(layout.chunks(lambda entry: iter([BLOBS[entry.digest]])))  # type: ignore[index]
    assert streamed == whole(SAMPLE)
    assert len(streamed) == layout.size == tar.recipe(SAMPLE).size


def test_a_layout_refuses_contents_of_another_size() -> None:
    layout = tar.Layout(with_parents([file("a", b"hello\n")]))
    with pytest.raises(InternalError, match="'a' was announced with 6 bytes and came with 4"):
        list(layout.chunks(lambda _: iter([b"hell"])))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=140).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.")
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.sampled_from(sorted(BLOBS.values())), max_size=6), NAMES)
def test_whatever_names_files_have_python_reads_them_back(files: dict[str, bytes], folder: str) -> None:
    tree = with_parents(file(f"{folder}/{name}", data) for name, data in files.items())
    with tarfile.open(fileobj=io.BytesIO(whole(tree))) as archive:
        read = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    assert read == {f"{folder}/{name}": data for name, data in files.items()}
