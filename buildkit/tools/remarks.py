"""What will not stop an image here, and may elsewhere: layers that registries refuse, names that are one on macOS.

In: layers, what they are called, their paths. Out: warnings, the `warnings` output of the tools that write configs. It
is data and no event, so that a build warns again where nothing had to be done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import normalize

from buildkit.digest import Digest
from buildkit.oci.document import canonical
from buildkit.oci.layer import Layer
from buildkit.store import BlobStore

# What the narrowest of the registries in `registry.limits` takes in a blob.
LARGEST = 10 * 10**9
_MOST = 3  # pairs of names that are told


def put_remarks(
    store: BlobStore,
    layers: Sequence[Layer],
    names: Sequence[str],
    paths: Iterable[Iterable[str]],
    known: Iterable[str] = (),
) -> Digest:
    """Store the warnings of an image as a list of texts, those that are `known` already first.

    `paths` are those of the layers whose files are known.
    """
    listed = (name for layer, name in zip(layers, names, strict=True) if layer.tree)
    holders = {path: name for name, held in reversed([*zip(listed, paths, strict=True)]) for path in held}
    return store.put(canonical([*known, *_large(layers, names), *_told(holders)]))


def _large(layers: Sequence[Layer], names: Sequence[str]) -> Iterator[str]:
    for layer, name in zip(layers, names, strict=True):
        size = layer.descriptor.digest.size
        if size > LARGEST:
            yield (
                f"{name} has {size / 1e9:.1f} GB, and some registries refuse blobs of more than {LARGEST // 10**9} GB: "
                "split the file that it consists of"
            )


def _told(holders: dict[str, str]) -> Iterator[str]:
    pairs = list(alike(holders))
    for one, other in pairs[:_MOST]:
        yield (
            f"'{one}' in {holders[one]} and '{other}' in {holders[other]} are one name on macOS and Windows, where "
            "case and Unicode form do not count: rename one of them"
        )
    if len(pairs) > _MOST:
        yield f"{len(pairs) - _MOST} more pairs of paths are one name on macOS and Windows"


def alike(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of paths that differ in case or Unicode form (NFC) alone, of folders without what lies in them."""
    known = list(paths)
    names = list(map(str.lower if "".join(known).isascii() else _folded, known))
    often = {name for name, count in Counter(names).items() if count > 1}
    groups: dict[str, list[str]] = {}
    for path, name in zip(known, names, strict=True):
        if name in often:
            groups.setdefault(name, []).append(path)
    for name, same in sorted(groups.items()):
        if name.rpartition("/")[0] not in groups:
            first, *others = sorted(same)
            yield from ((first, other) for other in others)


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else normalize("NFC", normalize("NFC", path).casefold())
