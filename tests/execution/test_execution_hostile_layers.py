"""Layers of unknown origin: what is refused and why; nothing is written outside, nothing fills the memory."""

from __future__ import annotations

import gzip
import io
import os
import resource
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
import zstandard

from buildkit.errors import BuildFailure
from buildkit.execution import prepare_root
from buildkit.store import DiskStore

TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "sym": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
}
Row = tuple[str, str, bytes | str]  # path, kind, content or target


def tarred(*rows: Row, pax: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, kind, content in rows:
            info = tarfile.TarInfo(path)
            info.type = TYPES[kind]
            info.pax_headers = pax or {}
            if isinstance(content, str):
                info.linkname = content
            info.size = len(content) if isinstance(content, bytes) else 0
            archive.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    return out.getvalue()


def header(name: bytes, kind: bytes, size: bytes) -> bytes:
    """One header with a right checksum, whatever its fields say."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108], block[124:136], block[156:157] = b"0000644\0", size, kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def bomb(head: bytes, zeros: int) -> bytes:
    """A gzip stream of a head and zeros, made without them all at once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts: Iterable[bytes] = (packer.compress(bytes(1 << 20)) for _ in range(zeros >> 20))
    return b"".join([packer.compress(head), *parts, packer.flush()])


def zstd_bomb(head: bytes, zeros: int) -> bytes:
    packer = zstandard.ZstdCompressor(3).compressobj()
    parts = (packer.compress(bytes(1 << 20)) for _ in range(zeros >> 20))
    return b"".join([packer.compress(head), *parts, packer.flush()])


MINUS_ONE = b"\xff" * 12
EVIL = ("evil", "file", b"evil")
REFUSED: dict[str, tuple[list[bytes], str]] = {
    "../": (
        [tarred(("../evil", "file", b"evil"))],
        "unsafe path '../evil': expected a plain relative path below the root",
    ),
    "an absolute path": (
        [tarred(("/tmp/evil", "file", b"evil"))],
        "unsafe path '/tmp/evil': expected a plain relative path below the root",
    ),
    "through a symlink of its own": (
        [tarred(("way", "sym", "/tmp"), ("way/evil", "file", b"evil"))],
        "layer member 'way/evil' lies inside 'way', which is a symlink",
    ),
    "through a symlink of a lower layer": (
        [tarred(("way", "sym", "/tmp")), tarred(("way/evil", "file", b"evil"))],
        "layers do not fit: 'way' is a symlink in one and a directory in a later one",
    ),
    "a directory over a symlink of a lower layer": (
        [tarred(("way", "sym", "/tmp")), tarred(("way", "dir", b""), ("way/evil", "file", b"evil"))],
        "layers do not fit: 'way' is a symlink in one and a directory in a later one",
    ),
    "a symlink, then a directory, then a file": (
        [tarred(("way", "sym", "/tmp"), ("way", "dir", b""), ("way", "sym", "/tmp"), ("way/evil", "file", b"evil"))],
        "damaged layer: want each path once, got 'way' twice",
    ),
    "a hard link to the outside": (
        [tarred(("evil", "link", "../../etc/passwd"))],
        "unsafe path '../../etc/passwd': expected a plain relative path below the root",
    ),
    "a hard link to a file that is not there": (
        [tarred(("evil", "link", "etc/passwd"))],
        "layer member 'evil' is a hard link to 'etc/passwd', which is no file before it",
    ),
    "a hard link to a symlink": (
        [tarred(("way", "sym", "/etc/passwd"), ("evil", "link", "way"))],
        "layer member 'evil' is a hard link to 'way', which is no file before it",
    ),
    "a whiteout of what is outside": (
        [tarred(("a/.wh...", "file", b""))],
        "unsafe path 'a/..': expected a plain relative path below the root",
    ),
    "a whiteout of its own folder": (
        [tarred(("a/.wh..", "file", b""))],
        "unsafe path 'a/.': expected a plain relative path below the root",
    ),
    "a whiteout of nothing": (
        [tarred(("a/.wh.", "file", b""))],
        "unsafe path 'a/': expected a plain relative path below the root",
    ),
    "a device": ([tarred(("evil", "char", b""))], "layer member 'evil' is a device, socket or pipe"),
    "a pipe": ([tarred(("evil", "pipe", b""))], "layer member 'evil' is a device, socket or pipe"),
    "many folders in each other": (
        [tarred(("a/" * 1500 + "evil", "file", b""))],
        f"layer member '{'a/' * 50}…' lies in more than 256 folders",
    ),
    "a name that no disk holds": (
        [tarred(("e" * 300, "file", b""))],
        f"layer member '{'e' * 100}…' has a name that is too long for a file",
    ),
    "an impossible time": ([tarred(EVIL, pax={"mtime": "nan"})], "damaged layer: …"),
    "a size below zero": ([header(b"evil", b"0", MINUS_ONE) + bytes(1024)], "damaged layer: a header claims -1 bytes"),
    "a size below zero in PAX": (
        [tarred(EVIL, pax={"size": "-1024"})],
        "layer member 'evil' is a sparse file, or one of less than no bytes",
    ),
    "a sparse file": (
        [tarred(EVIL, pax={"GNU.sparse.size": "9000000000000", "GNU.sparse.map": "0,4", "GNU.sparse.numblocks": "1"})],
        "layer member 'evil' is a sparse file, or one of less than no bytes",
    ),
    "a long name of gigabytes": (
        [bomb(header(b"././@LongLink", b"L", octal(4 << 30)), 64 << 20)],
        "damaged layer: a header claims 4294967296 bytes",
    ),
    "PAX records of gigabytes": (
        [zstd_bomb(header(b"pax", b"x", octal(4 << 30)), 64 << 20)],
        "damaged layer: a header claims 4294967296 bytes",
    ),
    "a member cut off": ([header(b"evil", b"0", octal(5000)) + b"evil"], "damaged layer: unexpected end of data"),
    "gzip cut off": (
        [gzip.compress(tarred(("evil", "file", os.urandom(99_999))))[:-50_000]],
        "damaged layer: Compressed file ended before the end-of-stream marker was reached",
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "a" / "store")


def outside(store: DiskStore) -> list[Path]:
    """What looks evil around the store, or in a finished root of it."""
    around = [path for path in store.root.parent.parent.glob("**/evil*") if "layers" not in path.parts]
    return around + sorted(Path("/tmp").glob("evil*"))


@pytest.mark.parametrize("trick", REFUSED)
def test_a_hostile_layer_is_refused_and_leaves_nothing(store: DiskStore, trick: str) -> None:
    layers, message = REFUSED[trick]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BuildFailure) as caught:
        prepare_root([store.put(layer) for layer in layers], store)
    told = caught.value.message
    assert told.startswith(message.removesuffix("…")) if message.endswith(": …") else told == message
    assert outside(store) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
    assert prepare_root([store.put(tarred(("good", "file", b"1")))], store).folder


def test_a_whiteout_does_not_reach_through_a_symlink(store: DiskStore, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "evil").write_text("stays")
    lower = tarred(("way", "sym", str(tmp_path / "precious")), ("d", "dir", b""), ("d/x", "file", b"1"))
    upper = tarred(("way/.wh.evil", "file", b""), ("d/.wh..wh..opq", "file", b""), ("d/y", "file", b"2"))
    opaque = tarred((".wh.nothing", "file", b""), ("d/.wh.y", "file", b""))
    root = prepare_root([store.put(lower), store.put(upper), store.put(opaque)], store).folder
    assert root is not None
    assert (tmp_path / "precious" / "evil").read_text() == "stays"
    assert sorted(path.name for path in root.iterdir()) == ["build", "d", "dev", "proc", "tmp", "way"]
    assert list((root / "d").iterdir()) == []


def test_devices_in_dev_are_left_out(store: DiskStore) -> None:
    root = prepare_root([store.put(tarred(("dev/null", "char", b""), ("dev/pts", "dir", b"")))], store).folder
    assert root is not None
    assert [path.name for path in (root / "dev").iterdir()] == ["pts"]


@pytest.mark.parametrize("pack", [bomb, zstd_bomb])
def test_a_stream_that_unfolds_beyond_all_measure_is_refused_before_the_disk_is_full(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch, pack: object
) -> None:
    monkeypatch.setattr("buildkit.content.BOMB_FREE", 32 << 20)
    layer = store.put(pack(header(b"evil", b"0", octal(200 << 20)), 200 << 20))  # type: ignore[operator]
    with pytest.raises(BuildFailure, match=r"damaged layer: \d+ bytes of it unfold to \d+ and more: this is a bomb"):
        prepare_root([layer], store)
    assert outside(store) == []
