"""The layers of big files, as several actions made them → so many as an image is to have of them.

Most are handed on as they are, unread. Where they are too many, the smallest are read once more, to share a layer.
"""

from __future__ import annotations

from buildkit.content import Blob, Tree
from buildkit.digest import Digest
from buildkit.oci.layer import with_parents
from buildkit.store import BlobStore
from buildkit.tools.big_file_layers import layer_of
from buildkit.tools.grouping import ALONE, LARGEST, Group, Limits, big
from buildkit.tools.layer_output import OUTPUTS, in_folders, versioned
from buildkit.tools.tool import tool


@tool(version=versioned(1), outputs=OUTPUTS)
def fewer_layers(
    store: BlobStore,
    *,
    layers: list[Blob],
    descriptors: list[Blob],
    trees: list[Blob],
    roles: dict[str, str],
    max_layers: int,
    max_layer_size: int | None = None,
    big_file: int | None = None,
) -> dict[str, Digest]:
    """A folder of layers: `max_layers` at most, unless their files are too large to share one (see `big_file_layers`).

    `layers`, `descriptors` and `trees` are outputs of `big_file_layers`, of as many actions.
    """
    given = {
        tree: {"layer": layer, "descriptor": descriptor, "tree": tree}
        for made in zip(layers, descriptors, trees, strict=True)
        for layer, descriptor, tree in zip(*(blob.parts(store.read) for blob in made), strict=True)
    }
    entries = [entry for tree in given for entry in Tree.from_json(store.read(tree)).entries]
    limits = Limits(big_file or ALONE, max_layer_size or LARGEST, max_layers)

    def layer(group: Group) -> dict[str, Digest]:
        known = given.get(Digest.of(with_parents(group.entries).to_json()))
        return known or layer_of(store, group)

    return in_folders(store, [layer(group) for group in big(entries, roles, limits)])
