"""Blobs as files and folders that a command can see.

In: blobs and the paths at which a command expects them. Out: a folder that holds them, or mount points for them. A
small file is copied, and is executable: a digest has no mode, and whether a script may run should not depend on whose
checkout it came from. A big one is bound from where it lies.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from buildkit.content import Blob, Entry, Kind, Tree, check_path
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution.environment import EPOCH
from buildkit.execution.sandbox.request import Bind
from buildkit.store import BlobStore

COPIED = 16 << 20
_CHUNK = 1 << 20


def place(inputs: Iterable[tuple[str, Blob]], folder: Path, prefix: str, store: BlobStore) -> list[Bind]:
    """Put inputs below `folder`, which a command will see at `prefix`; gives the binds of those not copied."""
    binds: list[Bind] = []
    for path, blob in inputs:
        check_path(path)
        target = folder / path
        if blob.tree:
            target.mkdir(parents=True, exist_ok=True)
            tree = Tree.from_json(store.read(blob.digest))
            binds += _place_tree(tree, target, f"{prefix}/{path}", store)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            binds += _place_file(blob.digest, 0o555, target, f"{prefix}/{path}", store)
    _make_alike(folder)
    return binds


def _make_alike(folder: Path) -> None:
    """Give folders the mode and everything the time that they would have anywhere."""
    for top, _, names in os.walk(folder):
        Path(top).chmod(0o755)
        for name in (*names, "."):
            os.utime(Path(top, name), (EPOCH, EPOCH), follow_symlinks=False)


def _place_tree(tree: Tree, target: Path, prefix: str, store: BlobStore) -> list[Bind]:
    binds: list[Bind] = []
    for entry in tree.entries:
        place_at = target / entry.path
        place_at.parent.mkdir(parents=True, exist_ok=True)
        match entry.kind:
            case Kind.DIRECTORY:
                place_at.mkdir(exist_ok=True)
            case Kind.SYMLINK:
                place_at.symlink_to(entry.target or "")
            case Kind.FILE:
                binds += _place_file(_digest(entry), entry.mode & 0o555, place_at, f"{prefix}/{entry.path}", store)
    return binds


def _place_file(digest: Digest, mode: int, target: Path, seen: str, store: BlobStore) -> list[Bind]:
    source = store.path(digest) if digest.size > COPIED else None
    if source is not None:
        target.touch()
        return [Bind(seen, source)]
    copy(digest, target, mode, store)
    return []


def copy(digest: Digest, target: Path, mode: int, store: BlobStore) -> None:
    """Write a blob's bytes to a new file."""
    with store.open(digest) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
        os.fchmod(file.fileno(), mode)


def _digest(entry: Entry) -> Digest:
    if entry.digest is None:
        raise BuildFailure(f"tree entry '{entry.path}' is a file without a digest")
    return entry.digest
