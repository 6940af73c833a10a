"""Which processors layers' programs are for: each tool that makes layers tells, and an image refuses strangers."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from tools_archives import blob, deb, only, tarred, wheel, wheel_files, zipped

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.elf import machine
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS

ORDER = {"little": 1, "big": 2}


def elf(number: int, order: str = "little", bits: int = 64, system: int = 0, kind: int = 3) -> bytes:
    """The head of a program for the machine of a number, and some more bytes."""
    ident = b"\x7fELF" + bytes([bits // 32, ORDER[order], 1, system]) + bytes(8)
    return ident + kind.to_bytes(2, order) + number.to_bytes(2, order) + bytes(44)  # type: ignore[arg-type]


AMD64, ARM64, I386, GPU, BPF = elf(62), elf(183), elf(3, bits=32), elf(190), elf(247)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (AMD64, "amd64"),
        (ARM64[:20], "arm64"),
        (I386, "386"),
        (elf(21), "ppc64le"),
        (elf(21, "big"), "ppc64"),
        (elf(22, "big"), "s390x"),
        (GPU, None),
        (BPF, None),
        (elf(0), None),
        (elf(224), None),
        (elf(20, "big", bits=32), "powerpc"),
        (elf(43, "big"), "sparc64"),
        (elf(50, system=3, kind=2), "ia64"),
        (elf(36902), "alpha"),
        (elf(65520), "ELF machine 65520"),
        (elf(65520, kind=1), None),
        (elf(65520, system=64), None),
        (elf(183, kind=1), "arm64"),
        (AMD64[:19], None),
        (b"\x7fELF" + bytes(60), None),
        (b"#!/bin/sh\n" + bytes(60), None),
        (b"", None),
    ],
)
def test_the_head_of_a_file_tells_its_processor(head: bytes, name: str | None) -> None:
    assert machine(head) == name


def from_files(store: MemoryStore, files: dict[str, bytes], compression: str | None = None) -> dict[str, Digest]:
    placed = {path: blob(store, data) for path, data in files.items()}
    return TOOLS["files_layer"](store, files=placed, compression=compression)


def from_recipe(store: MemoryStore, files: dict[str, bytes]) -> dict[str, Digest]:
    return from_files(store, files, "none")


def from_tar(store: MemoryStore, files: dict[str, bytes]) -> dict[str, Digest]:
    return TOOLS["tar_layer"](store, archive=blob(store, tarred(*files.items())))


def from_wheel(store: MemoryStore, files: dict[str, bytes]) -> dict[str, Digest]:
    data = wheel(wheel_files({f"demo-1.0.data/data/{path}": content for path, content in files.items()}))
    name = "demo-1.0-py3-none-any.whl"
    return only(store, TOOLS["wheel_layers"](store, wheels=[blob(store, data)], names=[name], python="3.11"))


def from_deb(store: MemoryStore, files: dict[str, bytes]) -> dict[str, Digest]:
    data = deb("demo", tarred(*((f"./usr/local/{path}", content) for path, content in files.items())))
    return only(store, TOOLS["debian_layers"](store, debs=[blob(store, data)], names=["demo_1.0_all.deb"]))


def test_a_stream_that_begins_with_blocks_of_nothing_hides_no_processor() -> None:
    nothing = b"\x00\x00\x00\xff\xff" * 60_000
    packed = nothing + zlib.compress(ARM64, wbits=-15)
    members = wheel_files({"demo.so": ARM64})
    archive = bytearray(zipped({**members, "demo.so": packed}.items(), method=zipfile.ZIP_STORED))
    crc_sizes = struct.pack("<III", zlib.crc32(ARM64), len(packed), len(ARM64))
    for method in (8, archive.index(b"PK\1\2") + 10):  # the first member's, at both places
        archive[method : method + 2] = b"\x08\0"
        archive[method + 6 : method + 18] = crc_sizes
    store = MemoryStore()
    name = "demo-1.0-py3-none-any.whl"
    made = TOOLS["wheel_layers"](store, wheels=[blob(store, bytes(archive))], names=[name], python="3.11")
    elf_of = json.loads(store.read(only(store, made)["descriptor"]))["elf"]
    assert elf_of == {"arm64": ["usr/local/lib/python3.11/dist-packages/demo.so"]}


@pytest.mark.parametrize("made", [from_files, from_recipe, from_tar, from_wheel, from_deb])
def test_a_layer_tells_the_processors_of_its_programs(
    made: Callable[[MemoryStore, dict[str, bytes]], dict[str, Digest]],
) -> None:
    store = MemoryStore()
    files = {"x/b": AMD64, "x/a": AMD64, "y": I386, "z": GPU, "t": b"text", "e": b""}
    told = json.loads(store.read(made(store, files)["descriptor"]))
    below = "usr/local/" if made in (from_wheel, from_deb) else ""
    assert told["elf"] == {"386": [f"{below}y"], "amd64": [f"{below}x/a", f"{below}x/b"]}


def test_of_many_programs_the_first_eight_are_told() -> None:
    store = MemoryStore()
    made = from_files(store, {f"p/{number:02}": AMD64 for number in range(20)})
    told = json.loads(store.read(made["descriptor"]))
    assert told["elf"] == {"amd64": [f"p/{number:02}" for number in range(8)]}


def test_a_layer_without_programs_says_nothing_of_processors() -> None:
    store = MemoryStore()
    assert "elf" not in json.loads(store.read(from_files(store, {"a": b"1"})["descriptor"]))


def configured(store: MemoryStore, files: dict[str, bytes], **settings: Any) -> BuildFailure | None:
    placed = {path: blob(store, data) for path, data in files.items()}
    made = TOOLS["files_layer"](store, files=placed, about={"name": "demo 1.0"})
    platform = {"platform": {"os": "linux", "architecture": "amd64"}}
    descriptors, trees = ([Blob(made[output])] for output in ("descriptor", "tree"))
    try:
        TOOLS["image_config"](store, descriptors=descriptors, trees=trees, settings=platform | settings)
    except BuildFailure as failure:
        return failure
    return None


def test_an_image_refuses_programs_for_another_processor() -> None:
    failure = configured(MemoryStore(), {"opt/b.so": ARM64, "opt/a.so": ARM64, "opt/c.so": AMD64, "opt/d.so": I386})
    assert failure is not None
    assert failure.message == "'opt/d.so' in layer 1 (demo 1.0) is for 386, the image is for linux/amd64"
    assert failure.notes == (
        "so is 'opt/a.so' in layer 1 (demo 1.0), for arm64",
        "so is 'opt/b.so' in layer 1 (demo 1.0), for arm64",
    )
    assert failure.hint == ("lock or build for linux/amd64, or name files that nothing runs in 'foreign_files'")


def test_files_that_nothing_runs_may_be_for_any_processor() -> None:
    files = {"opt/lib/x86.so": I386, "opt/lib/arm.so": ARM64, "opt/c.so": AMD64, "opt/gpu.cubin": GPU}
    assert configured(MemoryStore(), files, foreign_files=["*/x86.so", "opt/lib/a*"]) is None
    failure = configured(MemoryStore(), files, foreign_files=["*/x86.so"])
    assert failure is not None
    assert failure.message == "'opt/lib/arm.so' in layer 1 (demo 1.0) is for arm64, the image is for linux/amd64"
