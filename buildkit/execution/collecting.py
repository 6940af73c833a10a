"""What a command left in its output folder → blobs.

In: the folder, and the outputs that were declared. Out: their digests; a folder becomes the canonical document of a
`Tree`. What is neither file, folder nor symlink is refused, and so is a symlink that leads out of its tree, and what
its owner may not read: the superuser could, and a build should not depend on who runs it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from buildkit.content import Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.graph.action import Artifact
from buildkit.store import BlobStore

_CHUNK = 1 << 20


def collect(folder: Path, outputs: Sequence[tuple[str, Artifact]], store: BlobStore) -> dict[str, Digest]:
    """Put every declared output into the store. BuildFailure for one that is missing, unreadable or of a wrong kind."""
    return {name: _output(folder, name, artifact.tree, store) for name, artifact in outputs}


def _output(folder: Path, name: str, tree: bool, store: BlobStore) -> Digest:
    for parent in reversed(PurePosixPath(name).parents):
        _check_readable(folder / parent, f"folder '{PurePosixPath('out', parent)}'")
    path = folder / name
    kind = _kind(path)
    expected = "folder" if tree else "file"
    if kind != expected:
        left = sorted(found.name for found in path.parent.iterdir()) if path.parent.is_dir() else []
        raise BuildFailure(
            f"output '{name}' is missing: expected a {expected} at 'out/{name}', found {kind or 'nothing'}",
            notes=[f"in 'out' there is: {', '.join(left) or 'nothing'}"],
        )
    _check_readable(path, f"output '{name}'")
    return store.put(tree_of(path, store).to_json()) if tree else put_file(path, store)


def put_file(path: Path, store: BlobStore) -> Digest:
    """Put one file into the store."""
    with path.open("rb") as file:
        return store.put(iter(lambda: file.read(_CHUNK), b""))


def tree_of(folder: Path, store: BlobStore) -> Tree:
    """The content of a folder, its files put into the store; modes are 0644 or, for what is executable, 0755."""
    return Tree.of(_entries(folder, folder, store))


def _entries(folder: Path, top: Path, store: BlobStore) -> Iterator[Entry]:
    for path in sorted(folder.iterdir()):
        name, status = path.relative_to(top).as_posix(), path.lstat()
        _check_readable(path, f"output holds '{name}', which")
        match _kind(path):
            case "folder":
                yield Entry(name, Kind.DIRECTORY, 0o755)
                yield from _entries(path, top, store)
            case "file":
                mode = 0o755 if status.st_mode & 0o100 else 0o644
                yield Entry(name, Kind.FILE, mode, put_file(path, store))
            case "symlink":
                yield Entry(name, Kind.SYMLINK, 0o777, target=_inside(name, str(path.readlink())))
            case other:
                raise BuildFailure(f"output holds '{name}', which is a {other}: expected files, folders and symlinks")


def _check_readable(path: Path, what: str) -> None:
    kind = _kind(path)
    needed = {"file": 0o400, "folder": 0o500}.get(kind, 0)
    mode = stat.S_IMODE(path.lstat().st_mode) if needed else 0
    if mode & needed != needed:
        raise BuildFailure(f"{what} cannot be read: expected a {kind} of mode {needed:04o} at least, found {mode:04o}")


def _inside(name: str, target: str) -> str:
    parts = os.path.normpath(PurePosixPath(name).parent / target).split("/")
    if target.startswith("/") or parts[0] == "..":
        raise BuildFailure(
            f"output holds the symlink '{name}', which leads out of its tree to '{target}'",
            hint="copy what it points to, or make it relative to a path inside",
        )
    return target


def _kind(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return ""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink"}
    return kinds.get(stat.S_IFMT(mode), "device, socket or pipe")
