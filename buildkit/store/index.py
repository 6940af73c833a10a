"""The facts about source files: path → stamp → digest (the stat memo), and digest → paths (adoption).

In: facts. Out: facts, never trusted further than a stat confirms. One sqlite file serves many processes and threads;
it is a cache: a damaged one is set aside and begun anew, which costs hashing and nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.records import dataclass
from buildkit.store.faults import write_fault, writing
from buildkit.store.stamp import Stamp

_VERSION = 1
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, device INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    mode INTEGER, sha256 TEXT NOT NULL, racy INTEGER NOT NULL, blake3 TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_digest ON files (sha256);
CREATE INDEX IF NOT EXISTS files_by_size ON files (size) WHERE blake3 IS NOT NULL;
"""
_COLUMNS = "path, device, inode, size, mtime_ns, ctime_ns, mode, sha256, racy, blake3"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
_ERRNO = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """What was found when `path` was last hashed. `racy`: it was so young then that the stamp proves nothing."""

    path: Path
    stamp: Stamp
    digest: Digest
    racy: bool
    blake3: str | None = None


class Index:
    """The facts, in `index.sqlite` of a store's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "index.sqlite"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner = (0, 0)  # process id and inode of the open connection

    def fact(self, path: Path) -> Fact | None:
        """What is known of a path."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM files WHERE path = ?", (os.fsencode(path),))
        return _fact(rows[0]) if rows else None

    def facts(self, digest: Digest) -> list[Fact]:
        """Every path that held these bytes when last seen."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM files WHERE sha256 = ? AND size = ? ORDER BY path", (digest.hex, digest.size)
        )
        return [_fact(row) for row in rows]

    def fingerprints(self, size: int) -> Mapping[str, Digest]:
        """blake3 → digest of the files of that size for which both are known."""
        rows = self._rows("SELECT blake3, sha256 FROM files WHERE size = ? AND blake3 IS NOT NULL", (size,))
        return {str(blake3): Digest(str(sha256), size) for blake3, sha256 in rows}

    def record(self, fact: Fact) -> None:
        """Remember a fact instead of what was known of its path."""
        stamp = fact.stamp
        values = (
            os.fsencode(fact.path),
            stamp.device,
            _signed(stamp.inode),
            stamp.size,
            stamp.mtime_ns,
            stamp.ctime_ns,
        )
        values += (stamp.mode, fact.digest.hex, int(fact.racy), fact.blake3)  # type: ignore[assignment]
        self._rows(f"REPLACE INTO files ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def close(self) -> None:
        """Let go of the file; the next question opens it again."""
        with self._lock:
            if self._connection is not None and self._owner[0] == os.getpid():
                self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.close()

    def _rows(self, statement: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        with self._lock:
            return self._repaired(lambda: self._open().execute(statement, tuple(values)).fetchall())

    def _repaired(self, ask: Callable[[], list[tuple[object, ...]]]) -> list[tuple[object, ...]]:
        """Ask; if the file is damaged, set it aside and ask again of an empty one."""
        try:
            return ask()
        except sqlite3.DatabaseError as error:
            if _primary(error) not in _DAMAGED:
                raise self._fault(error) from error
        self._set_aside()
        try:
            return ask()
        except sqlite3.DatabaseError as error:
            raise self._fault(error) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None or self._owner[0] != os.getpid():
            # A connection must not cross fork(); the parent's is dropped unclosed, since closing would free its locks.
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        # Its own lock, since sqlite does not wait when several processes switch a new file to WAL at once, and since
        # of several processes that meet a damaged file only one must set it aside.
        with writing("the index of source files", self._root), _locked(self._root / "index.lock"):
            try:
                connection = _prepared(self._path)
            except sqlite3.DatabaseError as error:
                if _primary(error) not in _DAMAGED:
                    raise
                self._move_aside()
                connection = _prepared(self._path)
            self._owner = (os.getpid(), _inode(self._path))
        return connection

    def _set_aside(self) -> None:
        """Move the damaged file that is open out of the way, unless another process has done so already."""
        if self._connection is None:
            return
        self.close()
        with writing("the index of source files", self._root), _locked(self._root / "index.lock"):
            if _inode(self._path) == self._owner[1]:
                self._move_aside()

    def _move_aside(self) -> None:
        self._path.replace(self._path.with_name(f"index.damaged-{time.time_ns()}"))
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _fault(self, error: sqlite3.DatabaseError) -> EnvironmentFault:
        number = _ERRNO.get(_primary(error))
        if number is not None:
            return write_fault("the index of source files", self._root, number)
        return EnvironmentFault(
            f"cannot use the index '{self._path}': {error}",
            hint="is another program holding it? choose another folder with --cache-dir if it stays so",
        )


def _prepared(path: Path) -> sqlite3.Connection:
    """A connection to an index that has its tables."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=16
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")
        if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _primary(error: sqlite3.DatabaseError) -> int:
    """Sqlite's result code without its extension byte; SQLITE_ERROR (a schema that is not ours) where it gave none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _signed(number: int) -> int:
    """Sqlite's integers have 64 bits and a sign; some file systems' inodes use all 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _fact(row: tuple[object, ...]) -> Fact:
    path, device, inode, size, mtime, ctime, mode, sha256, racy, blake3 = row
    assert isinstance(path, bytes)
    numbers = [int(str(number)) for number in (device, inode, size, mtime, ctime, mode)]
    numbers[1] %= 1 << 64
    stamp = Stamp(*numbers)
    return Fact(
        Path(os.fsdecode(path)), stamp, Digest(str(sha256), stamp.size), bool(racy), str(blake3) if blake3 else None
    )


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
