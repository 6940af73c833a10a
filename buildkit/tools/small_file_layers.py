"""Small files → a folder of layers, one for each role that they have; uncompressed."""

from __future__ import annotations

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import BlobStore
from buildkit.tools.big_file_layers import layers_of
from buildkit.tools.grouping import ALONE, LARGEST, Limits, big, bundles, small
from buildkit.tools.layer_output import OUTPUTS, versioned
from buildkit.tools.placed import placed, refuse_pointers
from buildkit.tools.tool import tool


@tool(version=versioned(3), outputs=OUTPUTS, streams=True)
def small_file_layers(
    store: BlobStore,
    *,
    name: str,
    files: dict[str, Blob],
    trees: list[Blob],
    roles: dict[str, str],
    max_layer_size: int | None = None,
    big_file: int | None = None,
) -> dict[str, Digest]:
    """A folder of layers, in the order in which `roles` first names their roles (see `big_file_layers`).

    `files` are put at their paths; `trees` are `rest` outputs, with paths of the image. Files of one role share a
    layer, called NAME ROLE, or layers of up to `max_layer_size` bytes; a big one among them is a layer by itself.
    """
    own = placed(store, files)
    refuse_pointers(store, own)
    entries = [*own, *(entry for tree in trees for entry in placed(store, {"": tree}))]
    owners: set[str] = set()
    for entry in small(entries):
        if entry.path in owners:
            raise BuildFailure(f"two files have the path '{entry.path}'")
        owners.add(entry.path)
    limits = Limits(big_file or ALONE, max_layer_size or LARGEST)
    alone = big(entries, roles, limits)
    taken = {entry.path for group in alone for entry in group.entries}
    rest = [entry for entry in small(entries) if entry.path not in taken]
    return layers_of(store, [*alone, *bundles(rest, roles, limits, name)])
