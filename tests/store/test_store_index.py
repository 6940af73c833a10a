"""The index of source files: shared by processes, and never fatal."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from buildkit.digest import Digest
from buildkit.store.index import Fact, Index
from buildkit.store.stamp import Stamp

STAMP = Stamp(device=3, inode=2**64 - 5, size=5, mtime_ns=-1, ctime_ns=2**62, mode=0o100644)
FACT = Fact(Path("/a/weights"), STAMP, Digest.of(b"hello"), racy=False, blake3="ab" * 32)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def test_a_fact_is_found_by_path_by_digest_and_by_size(index: Index) -> None:
    other = Fact(Path("/b/weights"), STAMP, FACT.digest, racy=True)
    index.record(FACT)
    index.record(other)
    assert index.fact(FACT.path) == FACT
    assert index.facts(FACT.digest) == [FACT, other]
    assert index.fingerprints(5) == {"ab" * 32: FACT.digest}
    assert index.fact(Path("/c")) is None
    assert index.facts(Digest.of(b"other")) == []
    assert index.fingerprints(6) == {}


def test_a_new_fact_replaces_the_old_one_of_its_path(index: Index) -> None:
    new = Fact(FACT.path, STAMP, Digest.of(b"HELLO"), racy=False)
    index.record(FACT)
    index.record(new)
    assert index.fact(FACT.path) == new
    assert index.facts(FACT.digest) == []


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 400)


def scribble(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def replace_by_another_schema(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE files (x)")
    connection.close()


@pytest.mark.parametrize("damage", [overwrite, scribble, cut_off, replace_by_another_schema])
def test_a_damaged_index_is_set_aside_and_begun_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    index = Index(tmp_path)
    for number in range(500):
        index.record(Fact(Path(f"/{number}"), STAMP, FACT.digest, racy=False))
    index.close()
    damage(tmp_path / "index.sqlite")
    index = Index(tmp_path)
    index.record(FACT)
    assert index.fact(FACT.path) == FACT
    assert Index(tmp_path).fact(FACT.path) == FACT
    assert len(list(tmp_path.glob("index.damaged-*"))) == 1


def test_damage_that_shows_only_while_the_index_is_open_is_repaired(tmp_path: Path) -> None:
    index = Index(tmp_path)
    for number in range(500):
        index.record(Fact(Path(f"/{number}"), STAMP, Digest.of(b"%d" % number), racy=False))
    index.close()
    path = tmp_path / "index.sqlite"
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))  # the schema is whole, the tables are not
    for number in range(500):
        assert index.facts(Digest.of(b"%d" % number)) in (
            [],
            [Fact(Path(f"/{number}"), STAMP, Digest.of(b"%d" % number), racy=False)],
        )
    index.record(FACT)
    assert index.fact(FACT.path) == FACT
    assert len(list(tmp_path.glob("index.damaged-*"))) == 1


def test_processes_that_meet_a_damaged_index_repair_it_once(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "index.sqlite").write_bytes(b"this is not a database" * 400)
    assert adopt_from_processes(tmp_path) == [(b"40\n", b"")] * 6
    assert len(list((tmp_path / "store").glob("index.damaged-*"))) == 1


def test_a_removed_index_is_begun_anew(tmp_path: Path) -> None:
    Index(tmp_path).record(FACT)
    for path in tmp_path.glob("index.sqlite*"):
        path.unlink()
    assert Index(tmp_path).fact(FACT.path) is None


def test_an_index_may_be_used_after_it_was_closed(index: Index) -> None:
    index.record(FACT)
    index.close()
    assert index.fact(FACT.path) == FACT


def test_threads_share_an_index(index: Index) -> None:
    def work(thread: int) -> list[Fact | None]:
        facts = [Fact(Path(f"/{thread}/{number}"), STAMP, FACT.digest, racy=False) for number in range(50)]
        for fact in facts:
            index.record(fact)
        return [index.fact(fact.path) for fact in facts]

    before = threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        found = [fact for facts in pool.map(work, range(8)) for fact in facts]
    assert None not in found
    assert len(index.facts(FACT.digest)) == 400
    assert threading.active_count() - before < 20


SCRIPT = """
import sys
from pathlib import Path
from buildkit.store import DiskStore
store = DiskStore(Path(sys.argv[1]))
for number in range(40):
    path = Path(sys.argv[2], str(number))
    digest = store.adopt(path)
    store.put(b"%d" % number)
    assert store.has(digest), number
print(sum(store.has(store.adopt(Path(sys.argv[2], str(number)))) for number in range(40)))
"""


def adopt_from_processes(folder: Path) -> list[tuple[bytes, bytes]]:
    (folder / "sources").mkdir()
    for number in range(40):
        (folder / "sources" / str(number)).write_bytes(b"%d" % (number % 7) * 100)
    command = [sys.executable, "-c", SCRIPT, str(folder / "store"), str(folder / "sources")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
    return [process.communicate() for process in processes]


def test_processes_share_a_store_from_its_first_moment(tmp_path: Path) -> None:
    assert adopt_from_processes(tmp_path) == [(b"40\n", b"")] * 6
    assert not list((tmp_path / "store").glob("index.damaged-*"))
