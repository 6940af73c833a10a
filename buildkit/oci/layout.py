"""An OCI image layout: a folder that registries' tools read (image-spec, image-layout.md).

In: the descriptor of a manifest or index, and how to open blobs. Out: `oci-layout`, `index.json`, `blobs/sha256/…` in a
folder. Each blob is checked while it is copied and gets its name last, and the index is written when all blobs are
there, on the disk: a folder never holds a wrong blob, and never names an image that it does not hold whole, however its
writers ended. They write one after the other.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.oci.appearing import new_file, partial_of, reason, settle
from buildkit.oci.blobs import OpenBlob, read_document
from buildkit.oci.descriptor import INDEXES, Descriptor, pairs, stays_where_it_is
from buildkit.oci.document import canonical
from buildkit.oci.index import Index
from buildkit.oci.manifest import Manifest

REFERENCE_NAME = "org.opencontainers.image.ref.name"
ABOUT = canonical({"imageLayoutVersion": "1.0.0"})
_CHUNK = 1 << 20
_DEEPEST = 4  # indexes in indexes
_MOST = 1000  # manifests of one image
_PARTIAL = re.compile(r"\.[0-9a-f]{64}\.\w+")


def write_layout(folder: Path, root: Descriptor, open_blob: OpenBlob, *, tag: str = "") -> None:
    """Write the image or index that `root` describes, and all that it needs; `tag` names it in the layout's index.

    What the folder already holds stays; an entry of the same tag is replaced.
    """
    entry = tagged(root, tag)
    made = [above for above in (folder / "blobs" / "sha256", folder / "blobs", folder) if not above.exists()]
    try:
        (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with _alone(folder), _without_empty(made):
            _sweep(folder / "blobs" / "sha256")
            for digest in closure(root, open_blob):
                _copy(folder, digest, open_blob)
            _replace(folder / "oci-layout", ABOUT)
            _replace(folder / "index.json", _with(folder / "index.json", entry).to_json())
    except OSError as error:
        raise EnvironmentFault(f"cannot write the OCI layout '{folder}': {reason(error)}") from error


def tagged(root: Descriptor, tag: str) -> Descriptor:
    """The entry of a layout's index for an image; an empty tag is none."""
    return replace(root, annotations=pairs({**dict(root.annotations), REFERENCE_NAME: tag})) if tag else root


def closure(root: Descriptor, open_blob: OpenBlob) -> Iterator[Digest]:
    """The blobs that an image or index needs, each once, what is pointed at before what points at it.

    Layers that may not be handed on are not among them. BuildFailure for more manifests than any image has.
    """
    seen: set[Digest] = set()
    for digest in _closure(root, open_blob, set(), 0):
        if digest not in seen:
            seen.add(digest)
            yield digest


def _closure(root: Descriptor, open_blob: OpenBlob, entered: set[Digest], depth: int) -> Iterator[Digest]:
    """What was entered is not entered again: indexes that name each other many times would have no end."""
    if root.digest in entered:
        return
    entered.add(root.digest)
    if len(entered) > _MOST:
        raise BuildFailure(f"an image of more than {_MOST} manifests is none: refused at {root.digest}")
    if depth > _DEEPEST:
        raise BuildFailure(f"index {root.digest} is nested too deep: mbuild reads {_DEEPEST} indexes in a row")
    document = read_document(root.digest, open_blob, "index" if root.media_type in INDEXES else "manifest")
    if root.media_type in INDEXES:
        for child in Index.from_json(document).manifests:
            yield from _closure(child, open_blob, entered, depth + 1)
    else:
        manifest = Manifest.from_json(document)
        yield from (layer.digest for layer in manifest.layers if not stays_where_it_is(layer.media_type))
        yield manifest.config.digest
    yield root.digest


def _with(path: Path, entry: Descriptor) -> Index:
    """The layout's index with one more entry. Raises BuildFailure for one that cannot be read, which stays as it is."""
    try:
        old = Index.from_json(path.read_bytes()) if path.exists() else Index(())
    except BuildFailure as failure:
        hint = "name another folder, or remove this one"
        raise BuildFailure(f"cannot write the OCI layout '{path.parent}': {failure.message}", hint=hint) from None
    tag = dict(entry.annotations).get(REFERENCE_NAME)
    kept = [
        known
        for known in old.manifests
        if (dict(known.annotations).get(REFERENCE_NAME) != tag if tag else known.digest != entry.digest)
    ]
    return replace(old, manifests=(*kept, entry))


def _copy(folder: Path, digest: Digest, open_blob: OpenBlob) -> None:
    final = folder / "blobs" / "sha256" / digest.hex
    if final.exists() and final.stat().st_size == digest.size:
        return
    partial = partial_of(final)
    try:
        with partial.open("wb") as target, closing(verified(digest, open_blob)) as chunks:
            for chunk in chunks:
                target.write(chunk)
            settle(target)
        partial.rename(final)
    finally:
        partial.unlink(missing_ok=True)


def _sweep(blobs: Path) -> None:
    """Remove what writers that were killed left of blobs; who calls this is the only writer."""
    for path in blobs.iterdir():
        if _PARTIAL.fullmatch(path.name):
            path.unlink()


def verified(digest: Digest, open_blob: OpenBlob) -> Generator[bytes, None, None]:
    """A blob's bytes. Raises BuildFailure at their end, or before there are too many, if they are not the blob's."""
    left = digest.size
    with open_blob(digest) as source:
        # A reader that proves the whole blob itself need not be hashed a second time.
        hasher = None if getattr(source, "proves", None) == digest else hashlib.sha256()
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if hasher:
                hasher.update(chunk)
            if left < 0:
                raise BuildFailure(f"blob {digest} is damaged: it is longer than its {digest.size} bytes")
            yield chunk
    if hasher and hasher.hexdigest() != digest.hex:
        raise BuildFailure(f"blob {digest} is damaged: found sha256:{hasher.hexdigest()}")
    if left > 0:
        raise BuildFailure(f"blob {digest} is damaged: it ends {left} bytes early")


@contextmanager
def _without_empty(made: Sequence[Path]) -> Iterator[None]:
    """What fails before anything came leaves no folders, which are named innermost first; what came is used later."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two who write to one layout do so one after the other; the system lets go of it when a process dies."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _replace(path: Path, data: bytes) -> None:
    with new_file(path, "OCI layout") as target:
        target.write(data)
