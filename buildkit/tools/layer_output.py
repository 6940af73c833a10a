"""What the tools that make layers give back: the layer's blob, its descriptor and its tree's document.

In: a tar's chunks and size, or a recipe; the tree. Out: the three digests of the outputs `layer`, `descriptor`, `tree`.
Where only the tool can tell how many layers there are, the three are folders with equal names, lowest layer first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from buildkit.content import Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci import gzip_members, tar
from buildkit.oci.compression import COMPRESSORS
from buildkit.oci.descriptor import LAYER, LAYER_GZIP, Descriptor
from buildkit.oci.elf import Machines, Programs
from buildkit.oci.gzip_members import Chunk
from buildkit.oci.layer import NOTHING, About, Layer
from buildkit.store import BlobStore
from buildkit.tools.placed import programs_of

OUTPUTS = ("layer", "descriptor", "tree")
DEFAULT, NONE = "zstd", "none"
NONE_SEEN = Programs()
_BATCH = 1 << 18


def versioned(number: int) -> int:
    """The version of a tool that makes layers: its own number, below one for the tar format and all compressors.

    >>> versioned(2) - versioned(1), versioned(1) % 1000
    (1, 1)
    """
    text = " ".join([f"tar-{tar.FORMAT}", *(COMPRESSORS[name].version for name in sorted(COMPRESSORS))])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:5], "big") * 1000 + number


def check_names(files: Sequence[object], names: Sequence[str]) -> None:
    """Raise BuildFailure unless every file has a name."""
    if len(files) != len(names):
        raise BuildFailure(f"a layer is made of {len(files)} files with {len(names)} names: expected as many")


def compressed(
    store: BlobStore,
    chunks: Iterable[bytes],
    size: int,
    tree: Callable[[], Tree],
    compression: str | None = None,
    pth: tuple[str, ...] = (),
    about: About = NOTHING,
    programs: Programs = NONE_SEEN,
) -> dict[str, Digest]:
    """Store a tar, compressed with "zstd" (None: the same) or "gzip", or as it is: "none".

    `tree` and `programs` are asked when the chunks have passed: digests and machines may come with them.
    """
    compressor = COMPRESSORS.get(compression or DEFAULT)
    if compressor is None and compression != NONE:
        raise BuildFailure(f"layers cannot be compressed with '{compression}': expected zstd, gzip or none")
    if compressor is None:
        digest = store.put(batched(chunks))
        return described(store, Descriptor(LAYER, digest), str(digest), tree(), pth, about, programs.machines())
    with store.writer() as writer:
        diff_id = compressor.compress(batched(chunks), size, writer.write)
        digest = writer.commit()
    return described(store, Descriptor(compressor.media_type, digest), diff_id, tree(), pth, about, programs.machines())


def spliced(
    store: BlobStore,
    chunks: Iterable[Chunk],
    size: int,
    tree: Callable[[], Tree],
    pth: tuple[str, ...] = (),
    about: About = NOTHING,
    programs: Programs = NONE_SEEN,
) -> dict[str, Digest]:
    """Store a tar as gzip, of which some files come deflated already: these are not compressed again."""
    with store.writer() as writer:
        diff_id = gzip_members.gzip(chunks, size, writer.write)
        digest = writer.commit()
    return described(store, Descriptor(LAYER_GZIP, digest), diff_id, tree(), pth, about, programs.machines())


def plain(store: BlobStore, digest: Digest, tree: Tree, about: About = NOTHING) -> dict[str, Digest]:
    """The outputs for an uncompressed layer whose recipe the store has; of its files, the first bytes are read."""
    elf = programs_of(store, tree).machines()
    return described(store, Descriptor(LAYER, digest), str(digest), tree, about=about, elf=elf)


def described(
    store: BlobStore,
    descriptor: Descriptor,
    diff_id: str,
    tree: Tree,
    pth: tuple[str, ...] = (),
    about: About = NOTHING,
    elf: Machines = (),
) -> dict[str, Digest]:
    """Store the documents of a layer whose blob is there."""
    document = store.put(tree.to_json())
    layer = Layer(descriptor, diff_id, document, pth, about, elf=elf)
    return {"layer": descriptor.digest, "descriptor": store.put(layer.to_json()), "tree": document}


def in_folders(store: BlobStore, layers: Sequence[Mapping[str, Digest]]) -> dict[str, Digest]:
    """The outputs of several layers as three folders, whose entries stand in the layers' order."""
    width = len(str(len(layers)))

    def folder(output: str) -> Digest:
        entries = (Entry(f"{n:0{width}}", Kind.FILE, 0o644, made[output]) for n, made in enumerate(layers, 1))
        return store.put(Tree.of(entries).to_json())

    return {output: folder(output) for output in OUTPUTS}


def names_of(layers: Sequence[Layer]) -> list[str]:
    """What errors and warnings call each layer."""
    return [f"layer {number} ({layer.about.name or layer.descriptor.digest})" for number, layer in enumerate(layers, 1)]


def batched(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger chunks: small files cost one step for many of them."""
    found: list[bytes] = []
    size = 0
    for chunk in chunks:
        found.append(chunk)
        size += len(chunk)
        if size >= _BATCH:
            yield b"".join(found)
            found, size = [], 0
    if found:
        yield b"".join(found)
