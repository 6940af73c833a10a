"""An ordered list of layers → a folder that is bound read-only as `/`.

In: the digests of layer blobs, lowest first. Out: a `Root`. Each layer is unpacked once for a store, into
`roots/layers/<sha256>`; the files of a root, in `roots/<key>`, are hard links to those. Both appear by a rename, whole
or not at all; of two processes that want the same one, one waits. A recipe's big files are bound from where they lie.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from buildkit.content import parents
from buildkit.digest import Digest, Key
from buildkit.errors import BuildFailure
from buildkit.execution.layers import Layer, unpack
from buildkit.execution.recipe_file import RecipeFile
from buildkit.execution.sandbox.request import Bind, Root
from buildkit.store import BlobStore
from buildkit.store.faults import writing

ROOT_DOMAIN = "root/1"
MOUNT_POINTS = ("build", "dev", "proc", "tmp")
_FILES, _ABOUT = "files", "layer.json"


def host_root() -> Root:
    """The root that is made of the host's system folders."""
    return Root(None)


def prepare_root(layers: Sequence[Digest], store: BlobStore) -> Root:
    """The root of some layers; quick where it was asked for before."""
    with writing("a root", store.root):
        unpacked = [_unpacked(digest, store) for digest in layers]
        folder = store.root / "roots" / Key.of(ROOT_DOMAIN, [digest.hex for digest in layers]).hex
        with _sole_maker(folder) as needed:
            if needed:
                _assemble(unpacked, folder, store)
    return Root(folder, tuple(_binds(unpacked, folder, store)))


def _unpacked(digest: Digest, store: BlobStore) -> tuple[Path, Layer]:
    folder = store.root / "roots" / "layers" / digest.hex
    with _sole_maker(folder) as needed:
        if needed:
            with store.temporary() as scratch:
                made = scratch / "layer"
                (made / _FILES).mkdir(parents=True)
                (made / _ABOUT).write_text(_unpack(digest, made / _FILES, store).to_json())
                _appear(made, folder)
    return folder / _FILES, Layer.from_json((folder / _ABOUT).read_text())


def _unpack(digest: Digest, folder: Path, store: BlobStore) -> Layer:
    recipe = store.recipe(digest) if store.owned_path(digest) is None else None
    if recipe is None:
        with store.open(digest) as stream:
            return unpack(stream, folder)
    with RecipeFile(recipe, store) as stream:
        return unpack(stream, folder, stream.whole_blob)


def _assemble(unpacked: Sequence[tuple[Path, Layer]], folder: Path, store: BlobStore) -> None:
    with store.temporary() as scratch:
        made = scratch / "root"
        made.mkdir()
        for files, layer in unpacked:
            _take_away(layer, made)
            _link_tree(files, made, made, frozenset(layer.implied))
        for name in MOUNT_POINTS:
            if not (made / name).is_dir():
                (made / name).mkdir()
                (made / name).chmod(0o755)
        made.chmod(0o755)
        _appear(made, folder)


def _appear(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        # Another process was faster after all; what it made is the same.
        if not folder.is_dir():
            raise


def _take_away(layer: Layer, root: Path) -> None:
    """Whiteouts, which speak of lower layers alone. None is followed through a symlink."""
    for path in layer.removed:
        target = root / path
        if os.path.lexists(target) and not _inside_symlink(path, root):
            _remove(target)
    for path in layer.emptied:
        target = root / path
        if target.is_dir() and not target.is_symlink() and not _inside_symlink(path, root):
            for inside in list(target.iterdir()):
                _remove(inside)


def _link_tree(source: Path, target: Path, root: Path, implied: frozenset[str]) -> None:
    """Lay a layer's folder over what is there: folders are merged, everything else is replaced."""
    for entry in sorted(os.scandir(source), key=lambda found: found.name):
        place = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            new = place.is_symlink() or not place.is_dir()
            if new:
                _refuse_cover(place, root)
                place.mkdir()
            if new or place.relative_to(root).as_posix() not in implied:
                place.chmod(entry.stat(follow_symlinks=False).st_mode & 0o1777)
            _link_tree(Path(entry.path), place, root, implied)
            continue
        if os.path.lexists(place):
            _remove(place)
        if entry.is_symlink():
            place.symlink_to(Path(entry.path).readlink())
        else:
            _link(entry.path, place)


def _refuse_cover(place: Path, root: Path) -> None:
    if os.path.lexists(place):
        kind = "symlink" if place.is_symlink() else "file"
        path = place.relative_to(root)
        raise BuildFailure(f"layers do not fit: '{path}' is a {kind} in one and a directory in a later one")


def _link(source: str, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:
        # Too many links to one file, or a file system without them.
        shutil.copy2(source, place, follow_symlinks=False)


def _binds(unpacked: Sequence[tuple[Path, Layer]], folder: Path, store: BlobStore) -> Iterator[Bind]:
    """The big files' binds; where layers meet at a path, the last layer's file is the one."""
    last: dict[str, Digest] = {}
    for files, layer in unpacked:
        last = {path: digest for path, digest in last.items() if not os.path.lexists(files / path)}
        last |= dict(layer.elsewhere)
    for path, digest in sorted(last.items()):
        if not os.path.lexists(folder / path):
            continue
        source = store.path(digest)
        if source is None:
            raise BuildFailure(f"'{path}' of a root is gone: no file holds {digest} any more", hint="build again")
        yield Bind(f"/{path}", source)


def _inside_symlink(path: str, root: Path) -> bool:
    return any((root / parent).is_symlink() for parent in parents(path))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _sole_maker(folder: Path) -> Iterator[bool]:
    """Whether the caller is to make a folder: False where it is there, or came while another one made it."""
    if folder.is_dir():
        yield False
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield not folder.is_dir()
    finally:
        # Removing the file while another one waits for it does no harm: the rename decides.
        with suppress(FileNotFoundError):
            lock.unlink()
        os.close(descriptor)
