"""Private scratch folders on the store's file system, swept when whoever made them has died.

In: the store's `tmp` folder. Out: paths that no other process uses. Every process holds a lock beside its folder for as
long as it lives; a folder whose lock is free belongs to nobody, and the next process removes it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import secrets
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from buildkit.store.faults import writing


class Scratch:
    """A process's corner of `<root>/tmp`, made when first needed."""

    def __init__(self, root: Path) -> None:
        self._parent = root / "tmp"
        self._lock = threading.Lock()
        self._counter = itertools.count()
        self._home: tuple[int, Path] | None = None  # process id and folder
        self._release: Callable[[], object] = int

    def path(self) -> Path:
        """A new path that does not exist yet."""
        with self._lock:
            if self._home is None or self._home[0] != os.getpid():
                with writing("temporary files", self._parent.parent):
                    folder, lock = _claim(self._parent)
                # Runs when this object goes, at the latest when the process ends.
                self._release = weakref.finalize(self, _let_go, os.getpid(), folder, lock)
                self._home = os.getpid(), folder
            return self._home[1] / str(next(self._counter))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new empty folder, removed with all it holds at the end."""
        path = self.path()
        with writing("temporary files", self._parent.parent):
            path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            remove_tree(path)

    def close(self) -> None:
        """Remove what is left of this process's scratch; a later `path()` begins anew."""
        with self._lock:
            self._release()
            self._home = None


def _claim(parent: Path) -> tuple[Path, int]:
    """A folder of our own, and the descriptor of the lock that says so; removes folders that are nobody's."""
    parent.mkdir(parents=True, exist_ok=True)
    for lock in parent.glob("*.lock"):
        _sweep(lock)
    for folder in parent.iterdir():
        # A thread that nobody waited for may have written on while its process let go. A lock comes before its folder.
        if folder.suffix != ".lock" and not folder.with_suffix(".lock").exists():
            remove_tree(folder)
    while True:
        folder = parent / secrets.token_hex(8)
        descriptor = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else another process swept it before it was locked
            folder.mkdir(mode=0o700)
            return folder, descriptor
        os.close(descriptor)


def _let_go(process: int, folder: Path, descriptor: int) -> None:
    if process == os.getpid():  # a forked child inherits the object, not the folder
        remove_tree(folder)
        folder.with_suffix(".lock").unlink(missing_ok=True)
        os.close(descriptor)


def _sweep(lock: Path) -> None:
    """Remove a folder whose process is gone."""
    with suppress(OSError):
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(lock.with_suffix(""))
            lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a folder as far as possible, folders inside that forbid writing included."""
    with suppress(FileNotFoundError):
        for folder, names, _ in os.walk(path):
            for name in names:
                inner = Path(folder, name)
                if not inner.is_symlink():
                    with suppress(OSError):
                        inner.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
