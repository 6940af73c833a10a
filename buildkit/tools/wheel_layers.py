"""Wheels → a layer with what an installer would leave of them, without an installer and without a folder between.

Members go from the zip archives straight into the tar, and from there through the compressor into the store; each
file's digest, the tar's and the compressed stream's are computed on the way. A gzip layer takes over what the wheels
have compressed already. The order of the image's paths is known before, since sizes and hashes are declared: that is
why RECORD can be written anew in its place.

What differs from pip: INSTALLER says "mbuild"; there is no bytecode (the image's own interpreter compiles it), no
REQUESTED and no direct_url.json; RECORD is sorted; scripts start `/usr/bin/python3`.

What would be larger than a layer may be is split by file, so the outputs are folders: mostly of one layer.
"""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from buildkit.content import Blob, Entry, Kind, Tree, folders_above
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci import tar
from buildkit.oci.elf import HEAD, Programs
from buildkit.oci.gzip_members import Chunk, data_of
from buildkit.oci.layer import About, with_parents
from buildkit.store import BlobStore
from buildkit.tools.grouping import split
from buildkit.tools.layer_output import OUTPUTS, check_names, compressed, in_folders, spliced, versioned
from buildkit.tools.tool import tool
from buildkit.tools.wheel import Installed, Scheme, Wheel, read
from buildkit.tools.wheel_record import Recorded
from buildkit.tools.zip_reader import Buffer


class _Owned(NamedTuple):
    wheel: Wheel
    file: Installed


@tool(version=versioned(7), outputs=OUTPUTS, costly=True)
def wheel_layers(
    store: BlobStore,
    *,
    wheels: list[Blob],
    names: list[str],
    python: str,
    compression: str | None = None,
    max_layer_size: int | None = None,
    about: dict[str, str] | None = None,
) -> dict[str, Digest]:
    """A layer of all the wheels, for Debian's Python of the given version ("3.11").

    Several layers where its files have more than `max_layer_size` bytes together (2 GB).

    Raises BuildFailure, which names wheel and member, for a wheel that is damaged, hostile or not what its RECORD says,
    and for two wheels that own one path with different contents.
    """
    check_names(wheels, names)
    scheme = Scheme(python)
    with ExitStack() as opened:
        read_wheels = [
            read(_buffer(store, blob, opened), name, scheme) for blob, name in zip(wheels, names, strict=True)
        ]
        files = _merged(read_wheels)
        layers = []
        for part, told in split(map(_declared, files.values()), max_layer_size, About.of(about)):
            tree, content = with_parents(part), _Content(files)
            layout = tar.Layout(tree)
            pth = tuple(entry.path for entry in part if scheme.is_pth(entry.path))
            told_then = partial(content.told, tree)
            if compression == "gzip":
                chunks = layout.chunks(content)
                layers.append(spliced(store, chunks, layout.size, told_then, pth, told, content.programs))
            else:
                plain = layout.chunks(content.data)
                layers.append(
                    compressed(store, plain, layout.size, told_then, compression, pth, told, content.programs)
                )
        return in_folders(store, layers)


def _buffer(store: BlobStore, blob: Blob, opened: ExitStack) -> Buffer:
    """A wheel's bytes: mapped where they are a file, else read."""
    path = store.path(blob.digest)
    if path is None or blob.digest.size == 0:
        return store.read(blob.digest)
    file = opened.enter_context(path.open("rb"))
    try:
        return opened.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, io.UnsupportedOperation):
        return store.read(blob.digest)


def _merged(wheels: list[Wheel]) -> dict[str, _Owned]:
    """Every path with its owner; wheels may share a path (of a namespace package) if they agree on its content."""
    files: dict[str, _Owned] = {}
    for wheel in wheels:
        for file in wheel.files:
            before = files.setdefault(file.path, _Owned(wheel, file))
            if (before.file.recorded, before.file.executable) != (file.recorded, file.executable):
                raise BuildFailure(
                    f"'{file.path}' is in {before.wheel.name} and, with different content, in {wheel.name}",
                    hint="leave one of the two packages out, or lock versions that do not collide",
                )
    for folder in sorted(folders_above(files) & files.keys()):
        inside = next(path for path in files if path.startswith(f"{folder}/"))
        raise BuildFailure(
            f"'{inside}' of {files[inside].wheel.name} lies inside '{folder}', "
            f"which is a file of {files[folder].wheel.name}"
        )
    return files


def _declared(owned: _Owned) -> Entry:
    file = owned.file
    # No digest yet: RECORD's hash need not be sha256, and nobody has looked. The size is what the header needs.
    return Entry(file.path, Kind.FILE, 0o755 if file.executable else 0o644, Digest("", file.recorded.size))


class _Content:
    """The files' bytes, and as by-products their digests and the processors that they are for."""

    def __init__(self, files: dict[str, _Owned]) -> None:
        self._files = files
        self._digests: dict[str, Digest] = {}
        self.programs = Programs()

    def __call__(self, entry: Entry) -> Iterator[Chunk]:
        wheel, file = self._files[entry.path]
        hasher = _Hasher(file.recorded)
        head = b""
        for chunk in wheel.content(file):
            if len(head) < HEAD:  # a stream may begin with blocks of nothing
                head += data_of(chunk)[:HEAD]
            yield hasher.passed(chunk)
        self.programs.look(entry.path, head)
        self._digests[entry.path] = hasher.digest()

    def data(self, entry: Entry) -> Iterator[bytes]:
        """The bytes alone, for who compresses them anew."""
        return map(data_of, self(entry))

    def told(self, tree: Tree) -> Tree:
        """The tree with every file's digest."""
        return Tree(tuple(replace(entry, digest=self._digests.get(entry.path)) for entry in tree.entries))


class _Hasher:
    """A file's digest: RECORD's own hash, which was just verified, or computed where RECORD uses another function."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._hasher = None if recorded.algorithm == "sha256" else hashlib.sha256()

    def passed(self, chunk: Chunk) -> Chunk:
        if self._hasher:
            self._hasher.update(data_of(chunk))
        return chunk

    def digest(self) -> Digest:
        known = self._hasher.hexdigest() if self._hasher else self._recorded.hex
        return Digest(known, self._recorded.size)
