"""Blobs at paths of an image → the entries of a layer.

In: paths and blobs (a tree's content is put below its path). Out: entries, and these with the real digests once the
bytes have been read. Single files have mode 0644; a tree's files keep their executable bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.elf import HEAD, Programs
from buildkit.oci.layer import file_mode
from buildkit.store import BlobStore

_POINTER = b"version https://git-lfs.github.com/spec/v1"
_LARGEST_POINTER = 1024


def placed(store: BlobStore, files: Mapping[str, Blob]) -> list[Entry]:
    """The entries of files at their paths."""
    return [entry for path, blob in sorted(files.items()) for entry in _entries(store, path, blob)]


def settled(store: BlobStore, tree: Tree) -> Tree:
    """The tree with the real digests of files that were only promised, once they are read."""
    return Tree(tuple(replace(entry, digest=entry.digest and store.settled(entry.digest)) for entry in tree.entries))


def refuse_pointers(store: BlobStore, entries: Iterable[Entry]) -> None:
    """Raise BuildFailure for a Git LFS pointer where a file that it stands for should be."""
    for entry in entries:
        few = entry.digest and entry.digest.size < _LARGEST_POINTER
        if entry.digest and few and store.read(store.settled(entry.digest)).startswith(_POINTER):
            raise BuildFailure(
                f"'{entry.path}' is a Git LFS pointer of {entry.digest.size} bytes, not the weights that it stands for",
                hint="run `git lfs pull` in the workspace, then build again",
            )


def programs_of(store: BlobStore, tree: Tree) -> Programs:
    """Which processors a tree's files are for; of each, only the first bytes are read."""
    programs = Programs()
    for entry in tree.entries:
        if entry.digest and entry.digest.size >= HEAD:
            programs.look(entry.path, _head(store, entry.digest))
    return programs


def _head(store: BlobStore, digest: Digest) -> bytes:
    path = store.path(digest)
    try:
        with path.open("rb", buffering=0) if path else store.open(digest) as file:
            return file.read(HEAD) or b""
    except OSError:
        return b""  # gone since: whoever ships the layer will say so


def _entries(store: BlobStore, path: str, blob: Blob) -> Iterator[Entry]:
    place = path.strip("/")
    if not blob.tree:
        yield Entry(place, Kind.FILE, 0o644, blob.digest)
        return
    prefix = f"{place}/" if place not in ("", ".") else ""
    for entry in Tree.from_json(store.read(blob.digest)).entries:
        mode = file_mode(entry.mode) if entry.kind is Kind.FILE else 0o755
        mode = 0o777 if entry.kind is Kind.SYMLINK else mode
        yield Entry(prefix + entry.path, entry.kind, mode, entry.digest, entry.target)
