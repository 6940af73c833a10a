import base64
import gzip
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

import pytest
from tools_archives import METADATA, WHEEL, blob, only, record_row, unpacked, wheel, wheel_files, zipped

from buildkit.content import Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS

SITE = "usr/local/lib/python3.11/dist-packages"
NAME = "demo-1.0-py3-none-any.whl"


def layer(
    *wheels: bytes, names: tuple[str, ...] = (), compression: str = "zstd"
) -> tuple[MemoryStore, dict[str, Digest]]:
    store = MemoryStore()
    names = names or (NAME,) * len(wheels)
    blobs = [blob(store, data) for data in wheels]
    made = TOOLS["wheel_layers"](store, wheels=blobs, names=list(names), python="3.11", compression=compression)
    return store, only(store, made)


def contents(*wheels: bytes, names: tuple[str, ...] = ()) -> dict[str, tuple[str, int, bytes | str]]:
    store, made = layer(*wheels, names=names)
    return unpacked(store.read(made["layer"]))


def failure(*wheels: bytes, names: tuple[str, ...] = ()) -> str:
    with pytest.raises(BuildFailure) as caught:
        layer(*wheels, names=names)
    return caught.value.message


FULL = {
    "demo/__init__.py": b"x = 1\n",
    "demo/tool": b"#!/bin/sh\n",
    "demo.pth": b"import demo\n",
    "demo/__pycache__/__init__.cpython-311.pyc": b"stale",
    "demo-1.0.data/purelib/pure.py": b"pure\n",
    "demo-1.0.data/platlib/plat.py": b"plat\n",
    "demo-1.0.data/scripts/old": b"#!python3 -E\nprint(1)\n",
    "demo-1.0.data/scripts/shell": b"#!/bin/sh\n",
    "demo-1.0.data/data/share/demo.txt": b"data\n",
    "demo-1.0.data/headers/demo.h": b"int x;\n",
    "demo-1.0.dist-info/entry_points.txt": (
        b"[console_scripts]\ndemo = demo.cli:main.run [fast]\n# a remark\n[other]\nx = y\n[gui_scripts]\ngui=demo:gui\n"
    ),
}

LAUNCHER = """#!/usr/bin/python3
import sys

from demo.cli import main

if __name__ == "__main__":
    sys.exit(main.run())
"""


def test_every_kind_of_file_goes_to_its_place() -> None:
    found = contents(wheel(FULL, modes={"demo/tool": 0o100755}))
    files = {path: (mode, data) for path, (kind, mode, data) in found.items() if kind == "file"}
    record = files.pop(f"{SITE}/demo-1.0.dist-info/RECORD")
    assert files == {
        f"{SITE}/demo/__init__.py": (0o644, b"x = 1\n"),
        f"{SITE}/demo/tool": (0o755, b"#!/bin/sh\n"),
        f"{SITE}/demo.pth": (0o644, b"import demo\n"),
        f"{SITE}/pure.py": (0o644, b"pure\n"),
        f"{SITE}/plat.py": (0o644, b"plat\n"),
        f"{SITE}/demo-1.0.dist-info/METADATA": (0o644, METADATA.encode()),
        f"{SITE}/demo-1.0.dist-info/WHEEL": (0o644, WHEEL.encode()),
        f"{SITE}/demo-1.0.dist-info/INSTALLER": (0o644, b"mbuild\n"),
        f"{SITE}/demo-1.0.dist-info/entry_points.txt": (0o644, FULL["demo-1.0.dist-info/entry_points.txt"]),
        "usr/local/bin/old": (0o755, b"#!/usr/bin/python3 -E\nprint(1)\n"),
        "usr/local/bin/shell": (0o755, b"#!/bin/sh\n"),
        "usr/local/bin/demo": (0o755, LAUNCHER.encode()),
        "usr/local/bin/gui": (
            0o755,
            LAUNCHER.replace("demo.cli", "demo")
            .replace("main.run", "gui")
            .replace("main", "gui")
            .replace("__gui__", "__main__")
            .encode(),
        ),
        "usr/local/share/demo.txt": (0o644, b"data\n"),
        "usr/local/include/python3.11/demo/demo.h": (0o644, b"int x;\n"),
    }
    assert record[0] == 0o644
    _check_record(record[1], files)


def _check_record(record: bytes | str, files: Mapping[str, tuple[int, bytes | str]]) -> None:
    """RECORD lists exactly what is installed, with its hash and size, sorted."""
    assert isinstance(record, bytes)
    rows = record.decode().splitlines()
    expected = {"demo-1.0.dist-info/RECORD,,"}
    for path, (_, data) in files.items():
        assert isinstance(data, bytes)
        inside = path.removeprefix(f"{SITE}/")
        relative = inside if inside != path else path.replace("usr/local/", "../../../")
        expected.add(record_row(relative, data).strip())
    assert set(rows) == expected
    assert rows == sorted(rows)


def test_the_descriptor_and_the_tree_tell_of_the_very_layer() -> None:
    store, made = layer(wheel(FULL))
    descriptor = json.loads(store.read(made["descriptor"]))
    tree = Tree.from_json(store.read(made["tree"]))
    found = unpacked(store.read(made["layer"]))
    assert descriptor == {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
        "digest": str(made["layer"]),
        "size": made["layer"].size,
        "diffID": descriptor["diffID"],
        "tree": str(made["tree"]),
        "treeSize": made["tree"].size,
        "pth": [f"{SITE}/demo.pth"],
    }
    assert [entry.path for entry in tree.entries] == list(found)
    for entry in tree.entries:
        kind, mode, data = found[entry.path]
        assert (str(entry.kind), entry.mode) == (kind, mode)
        assert (entry.kind is Kind.FILE) == (entry.digest is not None)
        assert entry.digest is None or entry.digest == Digest.of(data)  # type: ignore[arg-type]


def test_the_bytes_of_the_layer_are_pinned() -> None:
    # If this changes, everybody's images change: raise the tool's version.
    _, made = layer(wheel(FULL))
    assert str(made["layer"]) == "sha256:bfc23f2ef1c8e85545ae63c135b272fa153f0afb95de5ca8b270c94d66788d4a"


def test_neither_order_nor_times_nor_compression_of_a_wheel_reach_the_layer() -> None:
    members = list(wheel_files(FULL).items())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, data in reversed(members):
            archive.writestr(zipfile.ZipInfo(path, (1999, 1, 1, 0, 0, 0)), data)
    assert layer(out.getvalue())[1] == layer(zipped(members))[1]


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_gzip_layers_hold_the_same_files_and_what_the_wheel_has_compressed_already(how: int) -> None:
    body = hashlib.sha256(b"seed").digest() * 300_000
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for path, data in wheel_files({**FULL, "demo/big.bin": body, "demo/empty.py": b""}).items():
            archive.writestr(path, data)
    (zstd_store, zstd), (store, made) = layer(out.getvalue()), layer(out.getvalue(), compression="gzip")
    packed, descriptor = store.read(made["layer"]), json.loads(store.read(made["descriptor"]))
    expected = json.loads(zstd_store.read(zstd["descriptor"])) | {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": str(made["layer"]),
        "size": len(packed),
    }
    assert (descriptor, store.read(made["tree"])) == (expected, zstd_store.read(zstd["tree"]))
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == descriptor["diffID"].removeprefix("sha256:")
    compressor = zlib.compressobj(-1, zlib.DEFLATED, -15)
    assert (compressor.compress(body) + compressor.flush() in packed) == (how == zipfile.ZIP_DEFLATED)


def test_hashes_better_than_sha256_are_verified_and_kept() -> None:
    members = wheel_files({})
    body = b"y = 2\n"
    members["demo.py"] = body
    members["demo-1.0.dist-info/RECORD"] += record_row("demo.py", body, "sha512").encode()
    store, made = layer(zipped(members.items()))
    tree = Tree.from_json(store.read(made["tree"]))
    assert [e.digest for e in tree.entries if e.path == f"{SITE}/demo.py"] == [Digest.of(body)]


def test_a_large_member_streams_through() -> None:
    body = hashlib.sha256(b"seed").digest() * 300_000  # 9.6 MB, more than one step of anything
    found = contents(wheel({"demo/big.bin": body}))
    assert found[f"{SITE}/demo/big.bin"] == ("file", 0o644, body)


def test_wheels_may_share_a_file_that_is_the_same() -> None:
    other = "other-1.0-py3-none-any.whl"
    found = contents(
        wheel({"space/__init__.py": b"", "space/a.py": b"a"}),
        wheel({"space/__init__.py": b"", "space/b.py": b"b"}, "other-1.0"),
        names=(NAME, other),
    )
    assert {path for path in found if path.startswith(f"{SITE}/space/")} == {
        f"{SITE}/space/{name}" for name in ("__init__.py", "a.py", "b.py")
    }


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"demo.py": b"1"},
            {"demo.py": b"2"},
            f"'{SITE}/demo.py' is in {NAME} and, with different content, in other-1.0-py3-none-any.whl",
        ),
        (
            {"demo": b"1"},
            {"demo/x.py": b"2"},
            f"'{SITE}/demo/x.py' of other-1.0-py3-none-any.whl lies inside '{SITE}/demo', which is a file of {NAME}",
        ),
    ],
)
def test_two_owners_of_one_path_are_both_named(first: dict[str, bytes], second: dict[str, bytes], message: str) -> None:
    names = (NAME, "other-1.0-py3-none-any.whl")
    assert failure(wheel(first), wheel(second, "other-1.0"), names=names) == message


RECORD = "demo-1.0.dist-info/RECORD"


def with_record(change: Callable[[str], str], files: dict[str, bytes] | None = None) -> bytes:
    members = wheel_files(files or {"demo.py": b"1"})
    members[RECORD] = change(members[RECORD].decode()).encode()
    return zipped(members.items())


def without(path: str) -> bytes:
    return zipped((name, data) for name, data in wheel_files({"demo.py": b"1"}).items() if name != path)


def spoilt(change: Callable[[bytearray, int, int], object]) -> bytes:
    """A wheel whose member `demo.py` is changed in the bytes; told are its local and its central header's place."""
    data = bytearray(wheel({"demo.py": b"1" * 5000}))
    change(data, data.find(b"PK\3\4"), data.find(b"PK\1\2"))
    return bytes(data)


def lie_about_size(size: int) -> Callable[[bytearray, int, int], object]:
    def change(data: bytearray, local: int, central: int) -> None:
        data[central + 24 : central + 28] = struct.pack("<I", size)
        record = data.find(b"demo.py,")
        assert record < 0, "RECORD is compressed, and its size is checked after the archive's"

    return change


def sized(size: int) -> bytes:
    """A wheel whose RECORD and zip directory both lie about demo.py."""
    members = wheel_files({"demo.py": b"1" * 5000})
    members[RECORD] = members[RECORD].replace(b",5000\n", f",{size}\n".encode())
    data = bytearray(zipped(members.items()))
    central = data.find(b"PK\1\2")
    data[central + 24 : central + 28] = struct.pack("<I", size)
    return bytes(data)


def fake_hash(text: str) -> str:
    zeros = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    return f"demo.py,sha256={zeros},1\n" + text.split("\n", 1)[1]


ONE = base64.urlsafe_b64encode(hashlib.sha256(b"1").digest()).rstrip(b"=").decode()

HOSTILE: dict[str, tuple[bytes, str]] = {
    "climbs out": (
        wheel({"../evil.py": b"1"}),
        f"{NAME}: member '../evil.py' has an unsafe name: it would leave its folder",
    ),
    "climbs out by a folder": (
        zipped([("../", b""), *wheel_files({}).items()]),
        f"{NAME}: member '..' has an unsafe name: it would leave its folder",
    ),
    "absolute": (
        wheel({"/etc/passwd": b"1"}),
        f"{NAME}: member '/etc/passwd' has an unsafe name: it would leave its folder",
    ),
    "backslash": (
        wheel({"..\\evil.py": b"1"}),
        f"{NAME}: member '..\\\\evil.py' has an unsafe name: it holds a backslash",
    ),
    "climbs out by way of data": (
        wheel({"demo-1.0.data/data/../../evil": b"1"}),
        f"{NAME}: member 'demo-1.0.data/data/../../evil' has an unsafe name: it would leave its folder",
    ),
    "symlink": (
        wheel({"demo/link": b"/etc"}, modes={"demo/link": 0o120777}),
        f"{NAME}: member 'demo/link' is a symlink: only files and directories are allowed",
    ),
    "pipe": (
        wheel({"demo/pipe": b""}, modes={"demo/pipe": 0o010644}),
        f"{NAME}: member 'demo/pipe' is a special file: only files and directories are allowed",
    ),
    "bomb": (sized(100), f"{NAME}: 'demo.py' is longer than the 100 bytes that it declares"),
    "shorter than declared": (sized(6000), f"{NAME}: 'demo.py' has 5000 bytes, but declares 6000"),
    "RECORD and archive disagree": (
        spoilt(lie_about_size(100)),
        f"{NAME}: 'demo.py' has 100 bytes, RECORD says 5000",
    ),
    "another name inside": (
        spoilt(lambda data, local, _: data.__setitem__(slice(local + 30, local + 37), b"evil.py")),
        f"{NAME}: member 'demo.py' has another name in its own header",
    ),
    "encrypted": (
        spoilt(lambda data, _, central: data.__setitem__(central + 8, 1)),
        f"{NAME}: member 'demo.py' is encrypted",
    ),
    "unknown compression": (
        spoilt(lambda data, _, central: data.__setitem__(central + 10, 12)),
        f"{NAME}: member 'demo.py' has compression method 12: expected 0 or 8",
    ),
    "damaged": (
        spoilt(lambda data, local, _: data.__setitem__(local + 37, 0xFF)),
        f"{NAME}: 'demo.py' is damaged: Error -1 Invalid deflate block found",
    ),
    "not a zip": (b"PK nonsense", f"{NAME} is not a zip archive that can be read: File is not a zip file"),
    "content is not what RECORD says": (
        with_record(fake_hash),
        f"{NAME}: 'demo.py' is not what RECORD says: expected sha256={'A' * 43}, found sha256={ONE}",
    ),
    "unlisted": (
        with_record(lambda text: text.split("\n", 1)[1]),
        f"{NAME}: 'demo.py' is not listed in RECORD",
    ),
    "listed, but missing": (
        with_record(lambda text: text + record_row("ghost.py", b"")),
        f"{NAME}: 'ghost.py' is listed in RECORD, but missing",
    ),
    "listed twice": (
        with_record(lambda text: text + record_row("demo.py", b"1")),
        f"{NAME}: 'demo.py' is listed in RECORD twice",
    ),
    "no hash": (
        with_record(lambda text: text.replace(f"sha256={ONE}", "")),
        f"{NAME}: RECORD has no hash for 'demo.py' that can be trusted: found ''",
    ),
    "weak hash": (
        with_record(lambda text: text.replace(f"sha256={ONE}", "md5=abc")),
        f"{NAME}: RECORD has no hash for 'demo.py' that can be trusted: found 'md5=abc'",
    ),
    "no RECORD": (without(RECORD), f"{NAME}: '{RECORD}' is missing"),
    "no dist-info": (zipped([("demo.py", b"1")]), f"{NAME}: expected one .dist-info folder, found none"),
    "two dist-infos": (
        wheel({"evil-2.0.dist-info/METADATA": b""}),
        f"{NAME}: expected one .dist-info folder, found demo-1.0.dist-info, evil-2.0.dist-info",
    ),
    "another project": (
        wheel({}, "evil-1.0"),
        f"{NAME}: its metadata is that of another project: 'evil-1.0.dist-info'",
    ),
    "format of the future": (
        wheel({"demo-1.0.dist-info/WHEEL": b"Wheel-Version: 2.0\n"}),
        f"{NAME}: wheel format '2.0' is not known: expected 1.x",
    ),
    "unknown data": (
        wheel({"demo-1.0.data/etc/passwd": b"1"}),
        f"{NAME}: 'demo-1.0.data/etc/passwd' is data of an unknown kind: 'etc'",
    ),
    "entry point outside": (
        wheel({"demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\n../x = a:b\n"}),
        f"{NAME}: entry point '../x = a:b' is not 'name = module:function'",
    ),
    "entry point with code": (
        wheel({"demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\nx = a;import os:b\n"}),
        f"{NAME}: entry point 'x = a;import os:b' is not 'name = module:function'",
    ),
    "one place for two files": (
        wheel({"a.py": b"1", "demo-1.0.data/purelib/a.py": b"1"}),
        f"{NAME}: two of its files would be installed as '{SITE}/a.py'",
    ),
    "whiteout": (
        wheel({"demo/.wh.x": b""}),
        f"'{SITE}/demo/.wh.x' cannot be in a layer: names that start with '.wh.' are reserved for whiteouts",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_wheel_that_is_damaged_or_hostile_is_refused(kind: str) -> None:
    data, message = HOSTILE[kind]
    assert failure(data) == message


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused() -> None:
    data = zipped([*wheel_files({"demo.py": b"1"}).items(), ("demo.py", b"2")])
    assert failure(data) == f"{NAME}: member 'demo.py' is there twice"


def test_members_that_share_bytes_are_refused() -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(zipfile.ZipInfo("b.py"), b"1")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        # The bytes of one member are the whole of another.
        archive.writestr(zipfile.ZipInfo("a.py"), inner.getvalue().partition(b"PK\1\2")[0])
        archive.writestr(zipfile.ZipInfo("b.py"), b"1")
    data = bytearray(outer.getvalue())
    second = data.find(b"PK\1\2", data.find(b"PK\1\2") + 4)
    data[second + 42 : second + 46] = struct.pack("<I", data.find(b"PK\3\4", 4))
    assert failure(bytes(data)) == f"{NAME}: member 'b.py' overlaps another"


def test_nothing_is_left_in_the_store_when_a_wheel_is_refused() -> None:
    store = MemoryStore()
    bad = blob(store, HOSTILE["content is not what RECORD says"][0])
    with pytest.raises(BuildFailure):
        TOOLS["wheel_layers"](store, wheels=[bad], names=[NAME], python="3.11")
    assert set(store.blobs) == {bad.digest}
