"""Whatever a tree holds, others read mbuild's tar as mbuild meant it: Python, GNU tar, bsdtar and umoci."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
from debian_programs import Programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildkit.content import Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.oci import tar
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, LAYER, MANIFEST, Descriptor
from buildkit.oci.layer import with_parents
from buildkit.oci.layout import write_layout
from buildkit.oci.manifest import Manifest

pytestmark = pytest.mark.e2e

# path → kind, mode, content or target
Listing = dict[str, tuple[str, int, bytes | str]]
BLOBS = {Digest.of(data): data for data in (b"", b"x", b"y" * 511, b"z" * 512, b"w" * 70_001)}
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
BIG = 8**11  # 8 GiB: one byte more than eleven octal digits say


def _fits(name: str) -> bool:
    return name not in (".", "..") and not name.startswith(".wh.") and len(name.encode()) <= 255


TEXT = st.characters(codec="utf-8", exclude_characters="/\0")
NAMES = st.one_of(
    st.text(TEXT, min_size=1, max_size=20),
    st.text("abc-. \\\n\t", min_size=1, max_size=9),
    st.integers(90, 255).map(lambda length: "n" * length),
    st.integers(40, 120).map(lambda length: "ü" * length),
).filter(_fits)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
# What a reader that is not root must be able to open again.
FILES = st.builds(
    lambda path, mode, digest: Entry(path, Kind.FILE, mode | 0o400, digest),
    PATHS,
    st.integers(0, 0o7777),
    st.sampled_from(sorted(BLOBS, key=lambda digest: digest.size)),
)
FOLDERS = st.builds(lambda path, mode: Entry(path, Kind.DIRECTORY, mode | 0o700), PATHS, st.integers(0, 0o1777))
TARGETS = st.one_of(PATHS, PATHS.map("/{}".format), PATHS.map("../{}".format), st.integers(95, 900).map("t".__mul__))
LINKS = st.builds(lambda path, target: Entry(path, Kind.SYMLINK, 0o777, target=target), PATHS, TARGETS)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Any tree: of things that would meet at a path, or lie in each other, the first stays."""
    entries: dict[str, Entry] = {}
    for entry in draw(st.lists(st.one_of(FILES, FOLDERS, LINKS), max_size=12)):
        try:
            with_parents([*entries.values(), entry])
        except Exception:  # the rules for trees are tested elsewhere
            continue
        entries[entry.path] = entry
    return with_parents(entries.values())


def expected(tree: Tree) -> Listing:
    found: Listing = {}
    for entry in tree.entries:
        content: bytes | str = BLOBS[entry.digest] if entry.digest else entry.target or ""
        found[entry.path] = str(entry.kind), entry.mode, content
    return found


def packed(tree: Tree) -> bytes:
    return b"".join(tar.stream(tar.recipe(tree), lambda digest: io.BytesIO(BLOBS[digest])))


def unpacked(folder: Path) -> Listing:
    found: Listing = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        kind = "symlink" if stat.S_ISLNK(mode) else "directory" if stat.S_ISDIR(mode) else "file"
        content = os.readlink(path) if kind == "symlink" else path.read_bytes() if kind == "file" else ""  # noqa: PTH115
        found[path.relative_to(folder).as_posix()] = kind, stat.S_IMODE(mode), content
    return found


def by_python(data: bytes, folder: Path, programs: Programs) -> Listing:
    kinds = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink"}
    with tarfile.open(fileobj=io.BytesIO(data), errors="strict") as archive:
        return {
            member.name: (
                kinds[member.type],
                member.mode,
                archive.extractfile(member).read() if member.isfile() else member.linkname,  # type: ignore[union-attr]
            )
            for member in archive
        }


def by_gnu_tar(data: bytes, folder: Path, programs: Programs) -> Listing:
    return extracted(["tar", "-xpf", "-", "-C", str(folder)], data, folder)


def by_bsdtar(data: bytes, folder: Path, programs: Programs) -> Listing:
    # -P: modes as they are, setuid too, whoever unpacks.
    return extracted([programs.path("bsdtar"), "-xpPf", "-", "-C", str(folder)], data, folder)


def extracted(command: list[str], data: bytes, folder: Path) -> Listing:
    ran = subprocess.run(command, input=data, capture_output=True, env=ENVIRONMENT, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    return unpacked(folder)


def by_umoci(data: bytes, folder: Path, programs: Programs) -> Listing:
    blobs: dict[Digest, bytes] = {}

    def add(content: bytes) -> Digest:
        blobs[Digest.of(content)] = content
        return Digest.of(content)

    layer = add(data)
    config = ImageConfig("amd64", "linux", (str(layer),), (History("test"),))
    manifest = Manifest(Descriptor(CONFIG, add(config.to_json())), (Descriptor(LAYER, layer),))
    root = Descriptor(MANIFEST, add(manifest.to_json()))

    def open_blob(digest: Digest) -> BinaryIO:
        return io.BytesIO(blobs[digest])

    write_layout(folder / "oci", root, open_blob, tag="t")
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    programs.run("umoci", "unpack", *rootless, "--image", f"{folder / 'oci'}:t", folder / "bundle")
    return unpacked(folder / "bundle" / "rootfs")


READERS: Mapping[str, tuple[Callable[[bytes, Path, Programs], Listing], int]] = {
    "Python": (by_python, 100),
    "GNU tar": (by_gnu_tar, 40),
    "bsdtar": (by_bsdtar, 40),
    "umoci": (by_umoci, 8),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_finds_what_the_tree_holds(
    reader: str, programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    read, examples = READERS[reader]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(trees())
    def check(tree: Tree) -> None:
        assert read(packed(tree), tmp_path_factory.mktemp("read"), programs) == expected(tree)

    check()


def test_a_file_of_8_gib_is_listed_by_all(tmp_path: Path, programs: Programs) -> None:
    archive = tmp_path / "big.tar"
    with archive.open("wb") as out:
        out.write(tar.header("big", Kind.FILE, 0o644, BIG))
        out.seek(BIG, os.SEEK_CUR)  # a hole: eight gigabytes that nobody stores
        out.write(tar.padding(BIG) + tar.header("small", Kind.FILE, 0o644, 1) + b"x" + tar.padding(1) + tar.END)
    try:
        with tarfile.open(archive) as opened:
            assert [(member.name, member.size) for member in opened] == [("big", BIG), ("small", 1)]
        for command in (["tar"], [programs.path("bsdtar")]):
            ran = subprocess.run(
                [*command, "-tvf", str(archive)], capture_output=True, text=True, env=ENVIRONMENT, check=True
            )
            rows = [line.split() for line in ran.stdout.splitlines()]
            assert [(row[-1], str(BIG) in row) for row in rows] == [("big", True), ("small", False)]
    finally:
        archive.unlink()
