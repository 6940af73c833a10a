"""Blobs as files and folders that a command can see.

In: blobs and the paths at which a command expects them. Out: a folder that holds them, or mount points for them.

A digest has no mode and no time, so a command must see none of a checkout's: what `stat` says, and whether a script may
run, should not depend on whose checkout a file came from. So files are copies, of one time, and executable. Small ones
are verified on the way; bigger ones are clones where the file system has those, and cost nothing. Where it has none, to
copy gigabytes for each run would cost too much: the biggest are bound from where they lie, and keep the mode and time
that they have there (decision 14).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from buildkit.content import Blob, Entry, Kind, Tree, check_path
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution.environment import EPOCH
from buildkit.execution.sandbox.request import Bind
from buildkit.records import dataclass
from buildkit.store import BlobStore

_CHUNK = 1 << 20
_FICLONE = 0x40049409

Clone = Callable[[Path, Path], bool]


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes: a `small` file is always copied; a bigger one if it has `one` at most, and all bigger ones `together`."""

    small: int = 16 << 20
    one: int = 256 << 20
    together: int = 1 << 30


_LIMITS = Limits()


def clone(source: Path, target: Path) -> bool:
    """Make a new file that shares its blocks with another; False where the file system cannot."""
    with source.open("rb") as file, target.open("xb") as made:
        try:
            fcntl.ioctl(made.fileno(), _FICLONE, file.fileno())
        except OSError:
            target.unlink()
            return False
    return True


def place(
    inputs: Iterable[tuple[str, Blob]],
    folder: Path,
    prefix: str,
    store: BlobStore,
    *,
    limits: Limits = _LIMITS,
    clone: Clone = clone,
) -> list[Bind]:
    """Put inputs below `folder`, which a command will see at `prefix`; gives the binds of those not copied."""
    placing = _Placing(folder, prefix, store, limits, clone)
    for path, blob in inputs:
        check_path(path)
        if blob.tree:
            placing.tree(path, Tree.from_json(store.read(blob.digest)))
        else:
            placing.file(path, blob.digest, 0o555)
    _make_alike(folder)
    return placing.binds


class _Placing:
    """Lays out the inputs of one command."""

    def __init__(self, folder: Path, prefix: str, store: BlobStore, limits: Limits, clone: Clone) -> None:
        self.binds: list[Bind] = []
        self._folder, self._prefix, self._store, self._limits, self._clone = folder, prefix, store, limits, clone
        self._left = limits.together

    def tree(self, path: str, tree: Tree) -> None:
        """A folder and all it holds."""
        (self._folder / path).mkdir(parents=True, exist_ok=True)
        for entry in tree.entries:
            inner = f"{path}/{entry.path}"
            target = self._folder / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            match entry.kind:
                case Kind.DIRECTORY:
                    target.mkdir(exist_ok=True)
                case Kind.SYMLINK:
                    target.symlink_to(entry.target or "")
                case Kind.FILE:
                    self.file(inner, _digest(entry), entry.mode & 0o555)

    def file(self, path: str, digest: Digest, mode: int) -> None:
        """One file: a copy, a clone, or a mount point."""
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self._store.path(digest) if digest.size > self._limits.small else None
        if source and self._clone(source, target):
            target.chmod(mode)
        elif source and not self._afford(digest.size):
            target.touch()
            self.binds.append(Bind(f"{self._prefix}/{path}", source))
        else:
            copy(digest, target, mode, self._store)

    def _afford(self, size: int) -> bool:
        affordable = size <= min(self._limits.one, self._left)
        self._left -= size if affordable else 0
        return affordable


def copy(digest: Digest, target: Path, mode: int, store: BlobStore) -> None:
    """Write a blob's bytes to a new file."""
    with store.open(digest) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
        os.fchmod(file.fileno(), mode)


def _make_alike(folder: Path) -> None:
    """Give folders the mode and everything the time that they would have anywhere."""
    for top, _, names in os.walk(folder):
        Path(top).chmod(0o755)
        for name in (*names, "."):
            os.utime(Path(top, name), (EPOCH, EPOCH), follow_symlinks=False)


def _digest(entry: Entry) -> Digest:
    if entry.digest is None:
        raise BuildFailure(f"tree entry '{entry.path}' is a file without a digest")
    return entry.digest
