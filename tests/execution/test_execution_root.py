"""Layers → a root: what is refused, what replaces what, what is shared."""

import gzip
import io
import os
import stat
import threading
from pathlib import Path

import pytest
import zstandard
from execution_fakes import tar_of

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution import prepare_root
from buildkit.execution.layers import unpack
from buildkit.execution.recipe_file import BIG, RecipeFile
from buildkit.execution.sandbox import Bind
from buildkit.store import DiskStore


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "store")


def listing(folder: Path) -> dict[str, str]:
    """Every path below a folder, with what it is."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        kind = "->" + str(path.readlink()) if stat.S_ISLNK(mode) else "/" if stat.S_ISDIR(mode) else path.read_text()
        found[path.relative_to(folder).as_posix()] = kind
    return found


def in_the_year_of_nothing(archive: bytes) -> bytes:
    """The archive with a time in its first header that no machine can count to."""
    header = bytearray(archive[:512])
    header[136:148] = b"\x80\0\0\x7f" + b"\xff" * 8
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + archive[512:]


BASE = tar_of(
    ("usr", "dir", "", 0o755),
    ("usr/bin", "dir", "", 0o755),
    ("usr/bin/tool", "file", b"one", 0o755),
    ("usr/bin/again", "link", "usr/bin/tool", 0o755),
    ("bin", "sym", "usr/bin", 0o777),
    ("etc/conf", "file", b"base", 0o600),
)
MOUNTS = {"build": "/", "dev": "/", "proc": "/", "tmp": "/"}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_a_layer_is_unpacked_whatever_it_is_compressed_with(store: DiskStore, pack: object) -> None:
    root = prepare_root([store.put(pack(BASE))], store)  # type: ignore[operator]
    assert root.folder is not None
    assert listing(root.folder) == MOUNTS | {
        "bin": "->usr/bin",
        "etc": "/",
        "etc/conf": "base",
        "usr": "/",
        "usr/bin": "/",
        "usr/bin/again": "one",
        "usr/bin/tool": "one",
    }
    assert stat.S_IMODE((root.folder / "usr/bin/tool").stat().st_mode) == 0o755
    assert (root.folder / "usr/bin/tool").samefile(root.folder / "usr/bin/again")


def test_later_layers_replace_and_take_away(store: DiskStore) -> None:
    later = tar_of(
        ("etc/.wh.conf", "file", b"", 0o644),
        ("usr/bin/.wh..wh..opq", "file", b"", 0o644),
        ("usr/bin/new", "file", b"two", 0o755),
        ("bin", "file", b"now a file", 0o644),
    )
    root = prepare_root([store.put(BASE), store.put(later)], store)
    assert root.folder is not None
    assert listing(root.folder) == MOUNTS | {
        "bin": "now a file", "etc": "/", "usr": "/", "usr/bin": "/", "usr/bin/new": "two",
    }  # fmt: skip


def test_the_same_layers_give_the_same_folder_and_share_their_files(store: DiskStore) -> None:
    layers = [store.put(BASE), store.put(tar_of(("x", "file", b"x", 0o644)))]
    first, again, shorter = prepare_root(layers, store), prepare_root(layers, store), prepare_root(layers[:1], store)
    assert first == again
    assert first.folder is not None
    assert shorter.folder is not None
    assert (first.folder / "etc/conf").samefile(shorter.folder / "etc/conf")


def test_many_that_want_one_root_at_once_get_it(store: DiskStore) -> None:
    layers = [store.put(BASE)]
    roots: list[object] = []
    threads = [
        threading.Thread(target=lambda: roots.append(prepare_root(layers, DiskStore(store.root)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert roots == [prepare_root(layers, store)] * 8


PLAIN = "expected a plain relative path below the root"
OUTSIDE = {
    "dots": (tar_of(("../evil", "file", b"", 0o644)), f"unsafe path '../evil': {PLAIN}"),
    "absolute": (tar_of(("/etc/evil", "file", b"", 0o644)), f"unsafe path '/etc/evil': {PLAIN}"),
    "through a symlink": (
        tar_of(("a", "sym", "/tmp", 0o777), ("a/evil", "file", b"", 0o644)),
        "layer member 'a/evil' lies inside 'a', which is a symlink",
    ),
    "through a file": (
        tar_of(("a", "file", b"", 0o644), ("a/evil", "file", b"", 0o644)),
        "layer member 'a/evil' lies inside 'a', which is a file",
    ),
    "a link to outside": (
        tar_of(("a", "link", "../../etc/passwd", 0o644)),
        f"unsafe path '../../etc/passwd': {PLAIN}",
    ),
    "a link to nothing": (
        tar_of(("a", "link", "etc/passwd", 0o644)),
        "layer member 'a' is a hard link to 'etc/passwd', which is no file before it",
    ),
    "a link to a symlink": (
        tar_of(("s", "sym", "/etc/passwd", 0o777), ("a", "link", "s", 0o644)),
        "layer member 'a' is a hard link to 's', which is no file before it",
    ),
    "a pipe": (tar_of(("p", "fifo", "", 0o644)), "layer member 'p' is a device, socket or pipe"),
    "a symlink to nothing": (tar_of(("s", "sym", "", 0o777)), "layer member 's' is a symlink to nothing"),
    "a time that none can be": (
        in_the_year_of_nothing(tar_of(("a", "file", b"", 0o644))),
        "damaged layer: timestamp out of range",
    ),
    "a whiteout of the parent": (
        tar_of(("a/.wh...", "file", b"", 0o644)),
        f"unsafe path 'a/..': {PLAIN}",
    ),
    "a directory over a file's place": (
        tar_of(("d/x", "file", b"", 0o644), ("d", "file", b"", 0o644)),
        "layer member 'd' is there as a directory already",
    ),
    "cut off": (BASE[:700], "damaged layer: truncated header"),
    "cut off zstd": (zstandard.compress(BASE)[:40], "damaged layer: "),
    "cut off gzip": (gzip.compress(BASE)[:60], "damaged layer: "),
    "no tar": (b"hello" * 200, "damaged layer: "),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_layer_that_leads_outside_is_refused(store: DiskStore, tmp_path: Path, name: str) -> None:
    archive, message = OUTSIDE[name]
    with pytest.raises(BuildFailure) as caught:
        prepare_root([store.put(archive)], store)
    assert caught.value.message.startswith(message)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_a_directory_may_not_cover_a_lower_layers_symlink(store: DiskStore) -> None:
    later = tar_of(("bin/tool", "file", b"", 0o755))
    with pytest.raises(BuildFailure) as caught:
        prepare_root([store.put(BASE), store.put(later)], store)
    assert caught.value.message == "layers do not fit: 'bin' is a symlink in one and a directory in a later one"


def test_modes_never_lock_us_out_and_carry_no_set_user_id(tmp_path: Path) -> None:
    archive = tar_of(("d", "dir", "", 0o000), ("d/f", "file", b"", 0o000), ("s", "file", b"", 0o4755))
    unpack(io.BytesIO(archive), tmp_path)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("d", "d/f", "s")}
    assert modes == {"d": 0o700, "d/f": 0o400, "s": 0o755}


def big_layer(store: DiskStore, weights: Path) -> Digest:
    """An uncompressed layer, kept as a recipe, of a big file that stays where it is."""
    weights.write_bytes(os.urandom(1 << 10) * (2 * BIG >> 10))
    os.utime(weights, (1, 1))
    digest = store.adopt(weights)
    plain = tar_of(("models/weights.bin", "file", weights.read_bytes(), 0o644), ("models/small", "file", b"s", 0o644))
    recipe = Recipe((Inline(plain[:512]), Slice(digest, 0, digest.size), Inline(plain[512 + digest.size :])))
    layer = Digest.of(plain)
    store.put_recipe(recipe, layer)
    return layer


def test_a_recipes_big_files_are_bound_and_not_copied(store: DiskStore, tmp_path: Path) -> None:
    layer = big_layer(store, tmp_path / "weights.bin")
    root = prepare_root([layer], store)
    assert root.folder is not None
    assert root.binds == (Bind("/models/weights.bin", tmp_path / "weights.bin"),)
    assert (root.folder / "models/weights.bin").stat().st_size == 0
    assert (root.folder / "models/small").read_text() == "s"


def test_a_later_layers_file_ends_a_bind(store: DiskStore, tmp_path: Path) -> None:
    later = store.put(tar_of(("models/weights.bin", "file", b"other", 0o644)))
    root = prepare_root([big_layer(store, tmp_path / "weights.bin"), later], store)
    assert root.binds == ()


def test_a_big_file_that_changed_is_named(store: DiskStore, tmp_path: Path) -> None:
    layer = big_layer(store, tmp_path / "weights.bin")
    prepare_root([layer], store)
    (tmp_path / "weights.bin").write_bytes(b"changed")
    with pytest.raises(BuildFailure) as caught:
        prepare_root([layer], store)
    assert caught.value.message.startswith("'models/weights.bin' of a root is gone: no file holds sha256:")


def test_a_recipe_is_read_as_the_file_that_it_describes(store: DiskStore) -> None:
    digest = store.put(b"0123456789")
    recipe = Recipe((Inline(b"ab"), Slice(digest, 2, 5), Inline(b""), Inline(b"cd")))
    with RecipeFile(recipe, store) as file:
        assert file.read() == b"ab23456cd"
        assert file.seek(4) == 4
        assert file.read(4) == b"456c"
        assert file.seek(-1, io.SEEK_END) == 8
        assert file.read(10) == b"d"
        assert file.read(10) == b""
