"""Big files → a folder of layers, uncompressed and never copied; small ones are handed on.

Each layer is a recipe: its bytes are read once, for the layer's digest and the files' own; what the store keeps is its
headers and the names of the blobs. So a model's weights stand on disk where their user put them, and nowhere else.
The small files are an output of their own (a tree at their paths), so that whoever bundles those of many actions need
not look at the big ones again.
"""

from __future__ import annotations

from collections.abc import Iterable

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.oci import tar
from buildkit.oci.layer import with_parents
from buildkit.store import BlobStore
from buildkit.tools.grouping import ALONE, LARGEST, Group, Limits, big, small
from buildkit.tools.layer_output import OUTPUTS, in_folders, plain, versioned
from buildkit.tools.placed import placed, refuse_pointers, settled
from buildkit.tools.tool import tool


@tool(version=versioned(5), outputs=(*OUTPUTS, "rest"), streams=True)
def big_file_layers(
    store: BlobStore,
    *,
    files: dict[str, Blob],
    roles: dict[str, str],
    max_layers: int,
    max_layer_size: int | None = None,
    big_file: int | None = None,
) -> dict[str, Digest]:
    """A folder of layers, one for each file of `big_file` bytes (64 MiB) or more, and the tree of all other files.

    `roles` says by the end of a file's name what it is for; `''` is the end of any name. Where there are more than
    `max_layers` big files, the smallest share layers of up to `max_layer_size` bytes (2 GB). A Git LFS pointer in a
    file's place is a BuildFailure.
    """
    entries = placed(store, files)
    refuse_pointers(store, entries)
    limits = Limits(big_file or ALONE, max_layer_size or LARGEST, max_layers)
    groups = big(entries, roles, limits)
    taken = {entry.path for group in groups for entry in group.entries}
    rest = small(entries)
    layers = layers_of(store, groups)
    tree = settled(store, with_parents(entry for entry in rest if entry.path not in taken))
    return {**layers, "rest": store.put(tree.to_json())}


def layers_of(store: BlobStore, groups: Iterable[Group]) -> dict[str, Digest]:
    """The folders of the groups' layers."""
    return in_folders(store, [layer_of(store, group) for group in groups])


def layer_of(store: BlobStore, group: Group) -> dict[str, Digest]:
    """The outputs of one layer, whose files are read if their digests are not known."""
    tree = with_parents(group.entries)
    # One pass over large sources: it gives the layer's digest, and the files' own where they were only promised.
    digest = store.seal(tar.recipe(tree))
    return plain(store, digest, settled(store, tree), group.about)
