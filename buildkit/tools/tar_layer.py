"""A tar of any origin → a layer: the same files in mbuild's own format.

Times, owners and the archive's order are left behind; modes become 0644 or 0755; hard links become copies.
"""

from __future__ import annotations

from contextlib import ExitStack

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.oci.compression import decompressed
from buildkit.oci.layer import About
from buildkit.store import BlobStore
from buildkit.tools.deb import spool
from buildkit.tools.layer_output import OUTPUTS, compressed, versioned
from buildkit.tools.merge import Content, MergedTar, archived, merged
from buildkit.tools.tool import tool


@tool(version=versioned(4), outputs=OUTPUTS, costly=True)
def tar_layer(
    store: BlobStore,
    *,
    archive: Blob,
    prefix: str | None = None,
    compression: str | None = None,
    about: dict[str, str] | None = None,
) -> dict[str, Digest]:
    """A layer with the files of a tar (plain, gzip, xz or zstd), below `prefix` where one is given."""
    below = f"{prefix.strip('/')}/" if prefix and prefix.strip("/") else ""
    with store.temporary() as scratch, ExitStack() as opened:
        with store.open(archive.digest) as source:
            spooled = spool(decompressed(source, "the archive"), scratch / "archive.tar")
        things = archived(spooled, "the archive", lambda path, target: (below + path, target))
        layer = MergedTar(merged(things), Content(opened))
        chunks, told = layer.stream(), About.of(about)
        return compressed(store, chunks, layer.size, layer.tree, compression, (), told, layer.programs)
