"""Files → a layer: compressed, or with `compression = "none"` as it is, and never copied (a recipe).

A recipe's bytes are read once, for the layer's digest; what the store keeps of the layer is its headers and the
names of the blobs.
"""

from __future__ import annotations

from dataclasses import replace

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.oci import tar
from buildkit.oci.layer import About, symlink, with_parents
from buildkit.store import BlobStore
from buildkit.tools.layer_output import NONE, OUTPUTS, compressed, plain, versioned
from buildkit.tools.placed import placed, programs_of, settled
from buildkit.tools.tool import tool


@tool(version=versioned(5), outputs=OUTPUTS, streams=True)
def files_layer(
    store: BlobStore,
    *,
    files: dict[str, Blob],
    compression: str | None = None,
    links: dict[str, str] | None = None,
    executables: list[str] | None = None,
    about: dict[str, str] | None = None,
) -> dict[str, Digest]:
    """A layer of `files` (path in the image → blob; a tree's content is put below its path) and symlinks.

    Single files have mode 0644, those in `executables` (paths in the image) 0755; a tree's files keep their own.
    `about` is the layer's name, role and why.
    """
    chosen = frozenset(executables or ())
    entries = [replace(entry, mode=0o755) if entry.path in chosen else entry for entry in placed(store, files)]
    tree = with_parents([*entries, *(symlink(path, target) for path, target in (links or {}).items())])
    if compression != NONE:
        tree = settled(store, tree)
        recipe = tar.recipe(tree)
        chunks = tar.stream(recipe, store.open)
        programs = programs_of(store, tree)
        return compressed(store, chunks, recipe.size, lambda: tree, compression, (), About.of(about), programs)
    # One pass over large sources: it gives the layer's digest, and the files' own where they were only promised.
    digest = store.seal(tar.recipe(tree))
    return plain(store, digest, settled(store, tree), About.of(about))
