"""What every blob store promises, asked of the one on disk and the one in memory."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.store import BlobStore, DiskStore, MemoryStore

HELLO = Digest("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", 5)


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return DiskStore(tmp_path / "store") if request.param == "disk" else MemoryStore()


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_put_can_be_read_again(store: BlobStore) -> None:
    assert not store.has(HELLO)
    assert store.put(b"hello") == HELLO
    assert store.has(HELLO)
    assert store.read(HELLO) == b"hello"
    path = store.path(HELLO)
    assert path is not None
    assert path == store.owned_path(HELLO)
    assert path.read_bytes() == b"hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_a_stored_blob_opens_as_a_seekable_file(store: BlobStore) -> None:
    store.put([b"he", b"", b"llo"])
    with store.open(HELLO) as file:
        file.seek(3)
        assert file.read() == b"lo"


def test_a_missing_blob_says_so(store: BlobStore) -> None:
    with pytest.raises(BuildFailure) as failure:
        store.read(HELLO)
    assert str(failure.value) == (
        f"error: the store has no {HELLO} (5 bytes)\nhint: build again, so that it is made anew"
    )
    assert store.path(HELLO) is None
    assert store.recipe(HELLO) is None


def test_a_writer_stores_only_what_is_committed(store: BlobStore) -> None:
    with store.writer() as writer:
        writer.write(b"hel")
        writer.write(memoryview(b"lo"))
    assert not store.has(HELLO)
    with store.writer() as writer:
        writer.write(b"hello")
        assert writer.commit(HELLO) == HELLO
    assert store.read(HELLO) == b"hello"


def test_a_writer_refuses_other_bytes_than_expected_and_shows_both(store: BlobStore) -> None:
    with store.writer() as writer:
        writer.write(b"help!")
        with pytest.raises(BuildFailure) as failure:
            writer.commit(HELLO)
    found = Digest.of(b"help!")
    assert failure.value.message == f"digest mismatch: expected {HELLO} (5 bytes), found {found} (5 bytes)"
    assert not store.has(found)


def test_a_recipe_is_there_while_its_segments_are(store: BlobStore) -> None:
    layer = Digest.of(b"<ell>")
    recipe = Recipe((Inline(b"<"), Slice(HELLO, 1, 3), Inline(b">")))
    store.put_recipe(recipe, layer)
    assert not store.has(layer)
    store.put(b"hello")
    assert store.has(layer)
    assert store.recipe(layer) == recipe
    assert store.read(layer) == b"<ell>"
    assert store.path(layer) is None


def test_a_sealed_recipe_gets_its_digest(store: BlobStore) -> None:
    hello = store.put(b"hello")
    assert store.seal(Recipe((Inline(b"<"), Slice(hello, 0, 5), Inline(b">")))) == Digest.of(b"<hello>")
    assert store.read(Digest.of(b"<hello>")) == b"<hello>"


def test_a_source_is_adopted(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "weights"
    source.write_bytes(b"hello")
    assert store.known(source) is None
    assert store.adopt(source) == HELLO
    assert store.has(HELLO)
    assert store.read(HELLO) == b"hello"
    assert store.settled(store.promise(source)) == HELLO


def test_a_remembered_source_is_adopted(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "weights"
    source.write_bytes(b"hello")
    store.remember(source, source.stat(), HELLO)
    assert store.read(HELLO) == b"hello"


def test_temporary_folders_are_private_and_leave_nothing(store: BlobStore) -> None:
    with store.temporary() as first, store.temporary() as second:
        assert first != second
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
        (first / "locked").mkdir()
        (first / "locked" / "file").write_text("x")
        (first / "locked").chmod(0o500)
        (first / "dangling").symlink_to("nowhere")
    assert not first.exists()
    assert not second.exists()


def test_a_store_has_a_private_folder_with_a_tag_for_backups(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "new" / "store")
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700
    assert (store.root / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_a_store_in_the_place_of_a_file_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(EnvironmentFault) as fault:
        DiskStore(tmp_path / "store")
    assert str(fault.value) == (
        f"error: cannot write the store below '{tmp_path / 'store'}': file exists\n"
        "hint: check the disk, or choose another folder with --cache-dir"
    )


def test_the_layout_on_disk_is_the_agreed_one(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put(b"hello")
    store.put_recipe(Recipe((Inline(b"x"),)), Digest.of(b"x"))
    store.close()
    assert files_below(tmp_path) == {
        "CACHEDIR.TAG",
        f"blobs/sha256/2c/{HELLO.hex}",
        f"recipes/2d/{Digest.of(b'x').hex}",
    }


def test_a_blob_that_was_cut_off_is_a_missing_one_and_is_stored_anew(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put(b"hello")
    path = store.path(HELLO)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"hel")
    assert not store.has(HELLO)
    assert store.path(HELLO) is None
    store.put(b"hello")
    assert store.read(HELLO) == b"hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def spoilt(store: DiskStore, data: bytes) -> Digest:
    digest = store.put(data)
    path = store.owned_path(digest)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"?" * len(data))
    return digest


@pytest.mark.parametrize("size", [5, 3_000_000])
def test_a_damaged_blob_is_found_out_and_made_room_for(tmp_path: Path, size: int) -> None:
    store = DiskStore(tmp_path / "store")
    digest = spoilt(store, b"x" * size)
    with store.open(digest) as file, pytest.raises(BuildFailure) as caught:
        list(iter(lambda: file.read(100_000), b""))
    assert caught.value.message == f"the store's copy of {digest} was damaged and has been removed"
    assert not store.has(digest)
    assert store.put(b"x" * size) == digest
    assert store.read(digest) == b"x" * size


def test_a_damaged_blob_is_not_read_as_a_whole(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store")
    digest = spoilt(store, b"hello")
    with pytest.raises(BuildFailure, match="was damaged and has been removed"):
        store.read(digest)
    assert not store.has(digest)


def test_blobs_are_read_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = DiskStore(tmp_path / "store")
        path = store.path(store.put(b"hello"))
    finally:
        os.umask(before)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_a_store_in_a_relative_folder_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = DiskStore(Path("store"))
    store.put(b"hello")
    monkeypatch.chdir("/")
    assert store.read(HELLO) == b"hello"
    assert store.root == tmp_path / "store"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50)))
def test_chunks_make_the_blob_of_their_sum(chunks: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for store in (DiskStore(Path(folder)), MemoryStore()):
            digest = store.put(iter(chunks))
            assert digest == Digest.of(b"".join(chunks))
            assert store.read(digest) == b"".join(chunks)


def test_what_its_reader_proves_is_not_hashed_again_but_counted(store: BlobStore) -> None:
    digest = Digest.of(b"proven")
    with store.writer(digest) as writer:
        writer.write(b"proven")
        assert writer.commit() == digest
    assert store.read(digest) == b"proven"
    shorter = Digest(digest.hex, 5)
    with store.writer(shorter) as writer:
        writer.write(b"proven")
        with pytest.raises(BuildFailure):
            writer.commit(shorter)
