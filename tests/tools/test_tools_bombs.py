"""Archives that unfold beyond all measure, ask for all memory, or are damaged anywhere: one clear failure each."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tools_archives import ar, blob, control, deb, tarred, wheel, wheel_files

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS

WHEEL = "demo-1.0-py3-none-any.whl"
DEB = "demo_1.0_all.deb"
ZEROS = bytes(3 << 20)


def wheel_layer(data: bytes) -> dict[str, Digest]:
    store = MemoryStore()
    return TOOLS["wheel_layers"](store, wheels=[blob(store, data)], names=[WHEEL], python="3.11")


def debian_layer(data: bytes) -> dict[str, Digest]:
    store = MemoryStore()
    return TOOLS["debian_layers"](store, debs=[blob(store, data)], names=[DEB])


def tar_layer(data: bytes) -> dict[str, Digest]:
    store = MemoryStore()
    return TOOLS["tar_layer"](store, archive=blob(store, data))


def stored(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, data in wheel_files(files).items():
            archive.writestr(path, data)
    return out.getvalue()


@pytest.fixture
def little_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as a bomb from 4 GiB on counts from 1 MiB on."""
    monkeypatch.setattr("buildkit.content.BOMB_FREE", 1 << 20)


@pytest.mark.usefixtures("little_is_free")
def test_a_wheel_that_declares_a_bomb_is_refused_before_it_unfolds() -> None:
    data = wheel(wheel_files({f"demo/{number}": bytes(1 << 20) for number in range(3)}))
    with pytest.raises(BuildFailure) as caught:
        wheel_layer(data)
    declared = sum(len(content) for content in wheel_files({f"demo/{n}": bytes(1 << 20) for n in range(3)}).values())
    assert caught.value.message == f"{WHEEL} is a bomb: its {len(data)} bytes declare to unfold to {declared}"


@pytest.mark.usefixtures("little_is_free")
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_an_archive_that_is_a_bomb_is_refused(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BuildFailure, match=r"the archive is a bomb: \d+ bytes of it unfold to \d+ and more"):
        tar_layer(pack(tarred(("zeros", ZEROS))))


@pytest.mark.usefixtures("little_is_free")
@pytest.mark.parametrize("part", ["control.tar", "data.tar"])
def test_a_debian_package_that_is_a_bomb_is_refused(part: str) -> None:
    parts = {"control.tar": tarred(("./control", control("demo"))), "data.tar": tarred(("./f", b"1"))}
    parts |= {part: tarred(("./zeros", ZEROS))}
    data = ar(("debian-binary", b"2.0\n"), *((f"{name}.xz", lzma.compress(tar)) for name, tar in parts.items()))
    with pytest.raises(BuildFailure, match=rf"{DEB}: {part}\.xz is a bomb: \d+ bytes of it unfold to \d+ and more"):
        debian_layer(data)


def test_much_that_hardly_shrinks_and_little_that_shrinks_well_are_no_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    tar_layer(gzip.compress(tarred(("zeros", ZEROS))))
    monkeypatch.setattr("buildkit.content.BOMB_FREE", 1 << 20)
    tar_layer(gzip.compress(tarred(("noise", random.Random(1).randbytes(3 << 20)))))


def test_an_xz_stream_that_asks_for_four_gigabytes_of_memory_is_refused() -> None:
    data = bytearray(lzma.compress(tarred(("f", b"1"))))
    # The header of the first block: its size, flags, LZMA2 with the size of its dictionary, zeros, a checksum.
    length = (data[12] + 1) * 4
    data[14:17] = bytes([0x21, 1, 40])
    data[12 + length - 4 : 12 + length] = zlib.crc32(data[12 : 12 + length - 4]).to_bytes(4, "little")
    with pytest.raises(BuildFailure) as caught:
        tar_layer(bytes(data))
    assert caught.value.message == "the archive is damaged: Memory usage limit exceeded"


def test_metadata_that_would_fill_the_memory_is_refused() -> None:
    record = "demo-1.0.dist-info/RECORD"
    with pytest.raises(BuildFailure) as caught:
        wheel_layer(wheel(wheel_files({}) | {record: b"\n" * (65 << 20)}))
    assert caught.value.message == f"{WHEEL}: '{record}' has {65 << 20} bytes: no wheel's is so long"


FILES = {
    "demo/a.py": b"x = 1\n" * 50,
    "demo-1.0.data/scripts/s": b"#!python\nx\n",
    "demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\nx = a:b\n",
}
TAR = tarred(("./d/", None), ("./d/b", b"b" * 700), ("./d/a", "= ./d/b"), ("./l", "-> d/b"), ("ü" * 80, b"x"))
ARCHIVES: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "wheel": (wheel_layer, wheel(wheel_files(FILES))),
    "stored wheel": (wheel_layer, stored(FILES)),
    "deb": (debian_layer, deb("demo", TAR)),
    "deb with gzip": (debian_layer, deb("demo", TAR, "gz")),
    "tar": (tar_layer, TAR),
    "tar with zstd": (tar_layer, zstandard.compress(TAR)),
}


def damaged(chance: random.Random, data: bytes) -> bytes:
    """The data with a few bytes changed, taken away, doubled, or cut off."""
    found = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        place, kind = chance.randrange(len(found)), chance.randrange(6)
        if kind < 2:
            found[place] = chance.choice([0, 255, found[place] ^ (1 << chance.randrange(8))])
        elif kind == 2:
            del found[place : place + chance.randrange(1, 40)]
        elif kind == 3:
            other = chance.randrange(len(found))
            found[place:place] = found[other : other + chance.randrange(1, 600)]
        elif kind == 4:
            found[place : place + 4] = chance.choice([b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f"])
        else:
            del found[max(place, 1) :]
        found = found or bytearray(b"x")
    return bytes(found)


def summed(data: bytes) -> bytes:
    """The tar with right checksums, so that what was damaged in its headers is read."""
    found = bytearray(data)
    for at in range(0, len(found) - 511, 512):
        if found[at + 257 : at + 262] == b"ustar":
            found[at + 148 : at + 156] = b" " * 8
            found[at + 148 : at + 156] = b"%06o\0 " % sum(found[at : at + 512])
    return bytes(found)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_damage_anywhere_is_told_and_never_a_traceback(archive: str) -> None:
    make, data = ARCHIVES[archive]
    told = 0
    for seed in range(150):
        spoilt = damaged(random.Random(seed), data)
        try:
            make(summed(spoilt) if data is TAR else spoilt)
        except BuildError:
            told += 1
    assert told > 30
    assert not list(Path(tempfile.gettempdir()).glob("evil*"))
