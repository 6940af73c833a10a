"""Adopted sources: what a stat may be believed for, and how a changed file is found out."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import DiskStore, is_promise
from buildkit.store.hashing import hash_file

SECOND = 1_000_000_000


class FakeClock:
    """A file system's clock: that of a file just touched, plus as much as a test likes."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.ahead = 60 * SECOND

    def __call__(self) -> int:
        self._file.touch()
        return self._file.stat().st_mtime_ns + self.ahead


@pytest.fixture
def clock(tmp_path: Path) -> FakeClock:
    return FakeClock(tmp_path)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> DiskStore:
    return DiskStore(tmp_path / "store", now_ns=clock, large=1000)


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Path]:
    def write(data: bytes, name: str = "weights.bin") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def sealed(store: DiskStore, digest: Digest) -> Digest:
    return store.seal(Recipe((Inline(b"head"), Slice(digest, 0, digest.size), Inline(b"tail"))))


def drain(stream: BinaryIO, into: bytearray) -> None:
    while chunk := stream.read(100_000):
        into += chunk


def test_a_source_whose_stat_is_known_is_not_read(store: DiskStore, source: Callable[..., Path]) -> None:
    path = source(b"weights")
    digest = store.adopt(path)
    assert store.known(path) == digest
    assert DiskStore(store.root).known(path) == digest


def test_a_source_that_was_hashed_as_it_was_written_is_read_again(
    store: DiskStore, clock: FakeClock, source: Callable[..., Path]
) -> None:
    clock.ahead = 0
    path = source(b"weights")
    digest = store.adopt(path)
    assert store.known(path) is None
    assert store.has(digest)  # its bytes can be had: who opens it verifies them
    assert store.path(digest) == path
    clock.ahead = 3 * SECOND
    assert store.adopt(path) == digest
    assert store.known(path) == digest


def test_the_real_clock_is_that_of_the_file_system(tmp_path: Path, source: Callable[..., Path]) -> None:
    store = DiskStore(tmp_path / "store")
    path = source(b"weights")
    os.utime(path, ns=(0, 0))  # mtime lies, ctime does not
    store.adopt(path)
    assert store.known(path) is None


@pytest.mark.parametrize("ahead", [0, 60 * SECOND])
def test_a_changed_source_is_no_longer_there(
    store: DiskStore, clock: FakeClock, source: Callable[..., Path], ahead: int
) -> None:
    clock.ahead = ahead
    old = store.adopt(source(b"old weights"))
    path = source(b"new weights")
    assert not store.has(old)
    assert store.path(old) is None
    with pytest.raises(BuildFailure) as failure:
        store.read(old)
    assert str(failure.value) == (
        f"error: source file '{path}' has changed: expected {old} (11 bytes), found {Digest.of(b'new weights')}\n"
        "hint: build again, so that its new content is taken up"
    )


def test_a_source_of_another_size_fails_at_once(store: DiskStore, source: Callable[..., Path]) -> None:
    old = store.adopt(source(b"old"))
    path = source(b"longer")
    with pytest.raises(BuildFailure, match=f"'{path}' has changed: expected {old} \\(3 bytes\\), found 6 bytes"):
        store.read(old)


def test_an_empty_source_that_has_grown_is_found_out(store: DiskStore, source: Callable[..., Path]) -> None:
    empty = store.adopt(source(b""))
    assert store.read(empty) == b""
    source(b"x")
    with pytest.raises(BuildFailure, match="found 1 bytes"):
        store.read(empty)


def test_a_source_that_is_gone_is_named(store: DiskStore, source: Callable[..., Path]) -> None:
    path = source(b"weights")
    digest = store.adopt(path)
    path.unlink()
    assert not store.has(digest)
    with pytest.raises(BuildFailure) as failure:
        store.open(digest)
    assert str(failure.value) == (
        f"error: source file '{path}' is gone: it held {digest} (7 bytes)\nhint: put it back, or build again"
    )


def test_a_touched_source_is_not_there_but_still_opens(store: DiskStore, source: Callable[..., Path]) -> None:
    path = source(b"weights")
    digest = store.adopt(path)
    os.utime(path, ns=(5, 5))
    assert store.known(path) is None
    assert not store.has(digest)
    assert store.read(digest) == b"weights"
    assert store.adopt(path) == digest
    assert store.has(digest)


def test_a_file_moved_over_a_source_with_its_mtime_is_seen(store: DiskStore, source: Callable[..., Path]) -> None:
    path = source(b"weights")
    store.adopt(path)
    status = path.stat()
    other = source(b"WEIGHTS", "other")
    os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
    other.replace(path)
    assert store.known(path) is None
    assert store.adopt(path) == Digest.of(b"WEIGHTS")


def test_deleting_one_of_two_clones_leaves_the_other_working(
    store: DiskStore, tmp_path: Path, source: Callable[..., Path]
) -> None:
    first = source(b"weights")
    (tmp_path / "clone").mkdir()
    second = Path(shutil.copy(first, tmp_path / "clone"))
    digest = store.adopt(first)
    layer = sealed(store, digest)
    assert store.adopt(second) == digest
    first.unlink()
    assert store.has(layer)
    assert store.path(digest) == second
    assert store.read(layer) == b"headweightstail"
    second.unlink()
    assert not store.has(layer)


def test_editing_one_of_two_clones_leaves_the_other_working(store: DiskStore, source: Callable[..., Path]) -> None:
    one, other = source(b"weights", "one"), source(b"weights", "other")
    digest = store.adopt(one)
    store.adopt(other)
    one.write_bytes(b"edited!")
    assert (store.has(digest), store.read(digest)) == (True, b"weights")


def test_a_layer_finds_out_by_name_which_source_changed(store: DiskStore, source: Callable[..., Path]) -> None:
    layer = sealed(store, store.adopt(source(b"x" * 5_000_000)))
    path = source(b"x" * 4_999_999 + b"y")
    with pytest.raises(BuildFailure, match=f"source file '{path}' has changed: expected .*, found sha256:"):
        store.read(layer)


def test_a_layer_finds_out_a_change_that_no_stat_shows(
    store: DiskStore, source: Callable[..., Path], clock: FakeClock
) -> None:
    path = source(b"x" * 3_000_000)
    layer = sealed(store, store.adopt(path))
    handed = bytearray()
    with store.open(layer) as stream:
        handed += stream.read(1_000_000)
        with path.open("r+b") as file:
            file.seek(2_500_000)
            file.write(b"!")
        with pytest.raises(BuildFailure, match=f"source file '{path}' has changed"):
            drain(stream, handed)
    assert 1_000_000 < len(handed) < layer.size


def test_a_reader_that_has_failed_does_not_end_quietly(store: DiskStore, source: Callable[..., Path]) -> None:
    digest = store.adopt(source(b"old"))
    source(b"new")
    with store.open(digest) as stream:
        for _ in range(2):
            with pytest.raises(BuildFailure):
                stream.read()


def test_a_small_source_is_not_promised_but_adopted(store: DiskStore, source: Callable[..., Path]) -> None:
    assert store.promise(source(b"small")) == Digest.of(b"small")


def test_a_promised_source_is_settled_by_the_pass_that_seals_its_layer(
    store: DiskStore, source: Callable[..., Path]
) -> None:
    data = b"weights" * 1000
    path = source(data)
    promise = store.promise(path)
    assert promise.size == len(data)
    assert is_promise(promise)
    assert store.has(promise)
    layer = sealed(store, promise)
    assert layer == Digest.of(b"head" + data + b"tail")
    assert store.known(path) == store.settled(promise) == Digest.of(data)
    assert store.recipe(layer) == Recipe((Inline(b"head"), Slice(Digest.of(data), 0, len(data)), Inline(b"tail")))
    assert store.has(promise)
    assert store.promise(path) == Digest.of(data)


def test_a_promise_can_be_read_and_settled_without_a_layer(store: DiskStore, source: Callable[..., Path]) -> None:
    data = b"weights" * 1000
    promise = store.promise(source(data))
    assert store.read(promise) == data
    assert store.settled(promise) == Digest.of(data)


def test_a_part_of_a_promised_source_can_be_sealed(store: DiskStore, source: Callable[..., Path]) -> None:
    data = b"weights" * 1000
    promise = store.promise(source(data))
    assert store.seal(Recipe((Slice(promise, 7, 7),))) == Digest.of(b"weights")


def test_a_large_source_that_was_only_touched_is_known_again_without_a_promise(
    store: DiskStore, source: Callable[..., Path]
) -> None:
    data = b"weights" * 1000
    path = source(data)
    digest = store.adopt(path)
    os.utime(path, ns=(1, 1))
    assert store.adopt(path) == digest  # takes the fingerprint
    os.utime(path, ns=(2, 2))
    assert store.promise(path) == digest  # uses it
    copy = source(data, "copy")
    assert store.promise(copy) == digest
    path.write_bytes(b"WEIGHTS" * 1000)
    assert is_promise(store.promise(path))
    assert store.adopt(path) == Digest.of(b"WEIGHTS" * 1000)


def test_a_large_source_hashed_as_it_was_written_is_adopted_not_promised(
    store: DiskStore, source: Callable[..., Path], clock: FakeClock
) -> None:
    clock.ahead = 0
    path = source(b"weights" * 1000)
    digest = store.adopt(path)
    assert store.promise(path) == digest


def test_a_file_that_is_written_all_the_time_cannot_be_adopted(store: DiskStore, tmp_path: Path) -> None:
    path = tmp_path / "busy"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    done = threading.Event()

    def touch() -> None:
        number = 0
        while not done.is_set():
            number += 1
            os.utime(path, ns=(number, number))

    toucher = threading.Thread(target=touch)
    toucher.start()
    try:
        with pytest.raises(BuildFailure) as failure:
            hash_file(path)
    finally:
        done.set()
        toucher.join()
    assert str(failure.value) == (
        f"error: file changed while being read: '{path}'\nhint: let whatever writes it finish, then build again"
    )


def test_a_digest_computed_elsewhere_is_refused_if_the_file_has_changed_since(
    store: DiskStore, source: Callable[..., Path]
) -> None:
    path = source(b"old")
    before = path.stat()
    source(b"newer")
    with pytest.raises(BuildFailure, match="file changed while being read"):
        store.remember(path, before, Digest.of(b"old"))
    assert not store.has(Digest.of(b"old"))


@pytest.mark.parametrize("how", ["adopt", "promise"])
def test_what_is_no_file_is_named_as_what_it_is(store: DiskStore, tmp_path: Path, how: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    messages = {}
    for name in ("store", "pipe", "missing"):
        with pytest.raises(BuildFailure) as failure:
            getattr(store, how)(tmp_path / name)
        messages[name] = failure.value.message
    assert messages == {
        "store": f"cannot read '{tmp_path}/store': expected a file, found a folder",
        "pipe": f"cannot read '{tmp_path}/pipe': expected a file, found a device, socket or pipe",
        "missing": f"cannot read '{tmp_path}/missing': no such file or directory",
    }


def test_a_link_set_anew_is_another_source(store: DiskStore, tmp_path: Path, source: Callable[..., Path]) -> None:
    link = tmp_path / "link"
    link.symlink_to(source(b"weights"))
    assert store.adopt(link) == Digest.of(b"weights")
    (tmp_path / "v2").write_bytes(b"v2")
    link.unlink()
    link.symlink_to("v2")
    assert store.adopt(link) == Digest.of(b"v2")


def test_a_path_need_not_be_text(store: DiskStore, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"w\xff \n.bin")
    path.write_bytes(b"weights")
    assert store.read(store.adopt(path)) == b"weights"
    assert store.known(path) == Digest.of(b"weights")


class Follower:
    """Hears of streams; `at_begin` is done before they are read."""

    def __init__(self, at_begin: Callable[[], None] = lambda: None) -> None:
        self.sizes: list[int] = []
        self.opened: list[Callable[[], BinaryIO]] = []
        self.known: list[Digest] = []
        self._at_begin = at_begin

    def begin(self, size: int, opened: Callable[[], BinaryIO]) -> Callable[[Digest], None]:
        self.sizes.append(size)
        self.opened.append(opened)
        self._at_begin()
        return self.known.append


def test_a_follower_reads_a_stream_while_it_is_hashed_and_hears_its_digest(
    store: DiskStore, source: Callable[..., Path]
) -> None:
    path = source(b"weights" * 1000)
    follower = Follower()
    with store.followed(follower.begin):
        digest = sealed(store, store.promise(path))
    with follower.opened[0]() as stream:
        assert Digest.of(stream.read()) == digest
    assert (follower.sizes, follower.known) == ([digest.size], [digest])
    sealed(store, store.promise(source(b"others" * 1000, "others.bin")))
    assert follower.sizes == [digest.size], "the block was left"


def test_a_follower_hears_no_digest_of_a_stream_whose_file_changed_meanwhile(
    store: DiskStore, source: Callable[..., Path]
) -> None:
    path = source(b"weights" * 1000)
    follower = Follower(lambda: source(b"changed" * 1000))
    with store.followed(follower.begin):
        digest = sealed(store, store.promise(path))
    assert digest == Digest.of(b"head" + b"changed" * 1000 + b"tail")
    assert follower.known == []
    with (
        follower.opened[0]() as stream,
        pytest.raises(BuildFailure, match=r"'.*weights\.bin' has changed: .*other bytes"),
    ):
        stream.read()


def test_a_follower_does_not_get_the_end_of_a_file_that_changes_as_it_reads(
    store: DiskStore, source: Callable[..., Path]
) -> None:
    path = source(b"weights" * 1_000_000)
    follower = Follower()
    with store.followed(follower.begin):
        sealed(store, store.promise(path))
    with follower.opened[0]() as stream:
        stream.read(1000)
        with path.open("r+b") as file:
            file.write(b"W")
        with pytest.raises(BuildFailure, match="has changed"):
            stream.read()
