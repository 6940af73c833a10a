"""Files → a layer: compressed, or with `compression = "none"` as it is, and never copied (a recipe).

A recipe's bytes are read once, for the layer's digest; what the store keeps of the layer is its headers and the
names of the blobs. So a model's weights stand on disk where their user put them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci import tar
from buildkit.oci.layer import About, file_mode, symlink, with_parents
from buildkit.store import BlobStore
from buildkit.tools.layer_output import NONE, OUTPUTS, compressed, plain, versioned
from buildkit.tools.tool import tool

_POINTER = b"version https://git-lfs.github.com/spec/v1"
_LARGEST_POINTER = 1024


@tool(version=versioned(2), outputs=OUTPUTS, threads=True, streams=True)
def files_layer(
    store: BlobStore,
    *,
    files: dict[str, Blob],
    compression: str | None = None,
    links: dict[str, str] | None = None,
    executables: list[str] | None = None,
    weights: bool | None = None,
    about: dict[str, str] | None = None,
) -> dict[str, Digest]:
    """A layer of `files` (path in the image → blob; a tree's content is put below its path) and symlinks.

    Single files have mode 0644, those in `executables` (paths in the image) 0755; a tree's files keep their own.
    `about` is the layer's name, role and why. With `weights`, a Git LFS pointer in a model's place is a BuildFailure.
    """
    entries = [entry for path, blob in sorted(files.items()) for entry in _entries(store, path, blob)]
    chosen = frozenset(executables or ())
    entries = [replace(entry, mode=0o755) if entry.path in chosen else entry for entry in entries]
    if weights:
        _refuse_pointers(store, entries)
    tree = with_parents([*entries, *(symlink(path, target) for path, target in (links or {}).items())])
    if compression != NONE:
        tree = _settled(store, tree)
        recipe = tar.recipe(tree)
        chunks = tar.stream(recipe, store.open)
        return compressed(store, chunks, recipe.size, lambda: tree, compression, about=About.of(about))
    # One pass over large sources: it gives the layer's digest, and the files' own where they were only promised.
    digest = store.seal(tar.recipe(tree))
    return plain(store, digest, _settled(store, tree), About.of(about))


def _settled(store: BlobStore, tree: Tree) -> Tree:
    return Tree(tuple(replace(entry, digest=entry.digest and store.settled(entry.digest)) for entry in tree.entries))


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


def _refuse_pointers(store: BlobStore, entries: Iterable[Entry]) -> None:
    for entry in entries:
        small = entry.digest and entry.digest.size < _LARGEST_POINTER
        if entry.digest and small and store.read(store.settled(entry.digest)).startswith(_POINTER):
            raise BuildFailure(
                f"'{entry.path}' is a Git LFS pointer of {entry.digest.size} bytes, not the weights that it stands for",
                hint="run `git lfs pull` in the workspace, then build again",
            )
