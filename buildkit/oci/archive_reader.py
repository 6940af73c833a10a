"""An image in one tar file, read where it lies: `oci-archive`, and what `docker save` writes, old and new.

In: a file and perhaps a tag. Out: the root's descriptor and an `OpenPart`. The tar's headers are read once; nothing is
unpacked. An archive of the old form has no manifest: one is made for it, over its layers as they lie there.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.oci.appearing import reason
from buildkit.oci.blobs import LARGEST_DOCUMENT, Limited, Verified
from buildkit.oci.compression import Readable
from buildkit.oci.descriptor import CONFIG, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST, Descriptor
from buildkit.oci.document import objects, parse_object, string, strings
from buildkit.oci.index import Index
from buildkit.oci.layout_reader import check_version, choose_root
from buildkit.oci.manifest import Manifest
from buildkit.oci.tar_reader import Member, Type, members

_MOST_MEMBERS = 100_000
_COMPRESSED = {b"\x1f\x8b": LAYER_GZIP, b"\x28\xb5\x2f\xfd": LAYER_ZSTD, b"BZh": "", b"\xfd7zXZ": ""}
_TAR, _TAR_AT = b"ustar", 257
_CHUNK = 1 << 20


class ArchiveReader:
    """The blobs of an archive. `kind` is how it was asked for, and how errors call it."""

    def __init__(self, file: Path, kind: str) -> None:
        """Read the archive's headers. BuildFailure for what is damaged or lies."""
        self._file = file
        self._name = f"{kind} '{file}'"
        self._kind = kind
        with self._opened() as archive:
            self._members = _index(archive, self._name)
        self._made: dict[Digest, bytes] = {}
        self._places: dict[Digest, str] = {}

    def root(self, tag: str = "") -> Descriptor:
        """What a tag names; without one, what the archive holds."""
        if "index.json" in self._members and "oci-layout" in self._members:
            check_version(self._document("oci-layout"), self._name)
            document = self._document("index.json")
            self._made[Digest.of(document)] = document
            return choose_root(Index.from_json(document), document, tag, self._name)
        if "manifest.json" not in self._members or self._kind == "oci-archive":
            expected = "'index.json'" if self._kind == "oci-archive" else "'manifest.json'"
            raise BuildFailure(f"{self._name} has no {expected}: it is no {self._kind}")
        return self._made_root(_saved(self._document("manifest.json"), tag, self._name))

    @contextmanager
    def open(self, digest: Digest, /, offset: int = 0, length: int | None = None) -> Iterator[Readable]:
        """See `OpenPart`."""
        if made := self._made.get(digest):
            yield io.BytesIO(made[offset : None if length is None else offset + length])
            return
        member = self._member(self._places.get(digest, f"blobs/sha256/{digest.hex}"), f"blob {digest}")
        if member.size != digest.size:
            raise BuildFailure(f"{self._name}: blob {digest} has {member.size} bytes, expected {digest.size}")
        with self._opened() as archive:
            archive.seek(member.offset + offset)
            whole = offset == 0 and length is None
            part = Limited(archive, digest.size - offset if length is None else length)
            yield Verified(part, digest, f"{self._name}: blob {digest}") if whole else part

    def _made_root(self, saved: dict[str, Any]) -> Descriptor:
        """The manifest that an archive of the old form lacks."""
        what = f"'manifest.json' of {self._name}"
        config_path = string(saved, "Config", what)
        config = self._document(config_path)
        self._places[Digest.of(config)] = config_path
        rootfs = parse_object(config, f"the config of {self._name}").get("rootfs")
        diff_ids = strings(rootfs if isinstance(rootfs, dict) else {}, "diff_ids", f"the config of {self._name}")
        paths = strings(saved, "Layers", what)
        if len(paths) != len(diff_ids):
            raise BuildFailure(f"{self._name} has {len(paths)} layers, and its config {len(diff_ids)} diff ids")
        layers = tuple(map(self._layer, paths, diff_ids))
        manifest = Manifest(Descriptor(CONFIG, Digest.of(config)), layers).to_json()
        self._made[Digest.of(manifest)] = manifest
        return Descriptor(MANIFEST, Digest.of(manifest))

    def _layer(self, path: str, diff_id: str) -> Descriptor:
        member = self._member(path, f"layer {path!r}")
        with self._opened() as archive:
            archive.seek(member.offset)
            media_type = _packed_as(archive.read(_TAR_AT + len(_TAR)))
            archive.seek(member.offset)
            if media_type == LAYER:
                digest = _parsed(diff_id, member.size)
            elif media_type:
                digest = _measured(Limited(archive, member.size))
            else:
                raise BuildFailure(f"{self._name}: layer {path!r} is compressed as images are not")
        self._places[digest] = path
        return Descriptor(media_type, digest)

    def _document(self, path: str) -> bytes:
        member = self._member(path, repr(path))
        if member.size > LARGEST_DOCUMENT:
            raise BuildFailure(
                f"{self._name}: {path!r} has {member.size} bytes, more than the {LARGEST_DOCUMENT} that mbuild reads"
            )
        with self._opened() as archive:
            archive.seek(member.offset)
            return archive.read(member.size)

    def _member(self, path: str, what: str) -> Member:
        """A file of the archive; links, which old archives have, lead to others in it."""
        for _ in range(8):
            member = self._members.get(path)
            if member is None:
                raise BuildFailure(f"{self._name} has no {what}")
            if member.type is Type.FILE:
                return member
            if member.type not in (Type.SYMLINK, Type.HARD_LINK):
                break
            above = posixpath.dirname(path) if member.type is Type.SYMLINK else ""
            path = posixpath.normpath(posixpath.join(above, member.target))
            if path.startswith(("/", "../")) or path == "..":
                raise BuildFailure(f"{self._name}: {what} leads outside the archive, to '{member.target}'")
        raise BuildFailure(f"{self._name}: {what} is no file")

    @contextmanager
    def _opened(self) -> Iterator[io.BufferedReader]:
        try:
            with self._file.open("rb") as archive:
                yield archive
        except OSError as error:
            raise EnvironmentFault(f"cannot read the {self._name}: {reason(error)}") from None


def _index(archive: io.BufferedReader, what: str) -> dict[str, Member]:
    head = archive.read(_TAR_AT + len(_TAR))
    if _packed_as(head) != LAYER:
        raise BuildFailure(f"{what} is compressed", hint="decompress it first: an archive is read where it lies")
    if not head.endswith(_TAR):
        _check_ancient(archive, what)
    found: dict[str, Member] = {}
    for member in members(archive, what):
        path = member.path.removeprefix("./").rstrip("/")
        if not path or member.type is Type.DIRECTORY:
            continue
        if path.startswith("/") or ".." in path.split("/"):
            raise BuildFailure(f"{what} holds the unsafe path {path[:200]!r}")
        if path in found:
            raise BuildFailure(f"{what} holds two members with the path {path[:200]!r}")
        if len(found) == _MOST_MEMBERS:
            raise BuildFailure(f"{what} holds more than {_MOST_MEMBERS} files: no image does")
        found[path] = member
    return found


def _check_ancient(archive: io.BufferedReader, what: str) -> None:
    """Raise BuildFailure unless what lacks the mark of a tar begins as one from before there was a mark."""
    try:
        next(members(archive, what), None)
    except BuildFailure:
        raise BuildFailure(f"{what} is no tar archive") from None


def _packed_as(head: bytes) -> str:
    """The media type of a layer that begins so; '' for what is compressed as layers are not."""
    if head.endswith(_TAR):  # its first member may be called 'BZh'
        return LAYER
    return next((kind for magic, kind in _COMPRESSED.items() if head.startswith(magic)), LAYER)


def _saved(document: bytes, tag: str, what: str) -> dict[str, Any]:
    """The row of `manifest.json` that is meant."""
    name = f"'manifest.json' of {what}"
    try:
        rows = objects(parse_object(b'{"rows":' + document + b"}", name), "rows", name)
    except BuildFailure:
        raise BuildFailure(f"{name} is not a JSON list of objects") from None
    named = [(row, strings(row, "RepoTags", name)) for row in rows]
    found = [row for row, tags in named if not tag or any(_same(tag, known) for known in tags)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(repr(known) for _, tags in named for known in tags) or "none"
    if not rows:
        raise BuildFailure(f"{what} holds no image")
    if not found:
        raise BuildError(f"{what} has no tag '{tag}'", hint=f"its tags: {listed}")
    raise BuildError(f"{what} holds {len(found)} images that are meant", hint=f"name one by its tag: {listed}")


def _same(tag: str, known: str) -> bool:
    return tag in (known, known.rpartition(":")[2]) or known.endswith(f"/{tag}")


def _parsed(diff_id: str, size: int) -> Digest:
    try:
        return Digest.parse(diff_id, size)
    except BuildError as error:
        raise BuildFailure(error.message, hint=error.hint) from None


def _measured(source: Readable) -> Digest:
    hasher, size = hashlib.sha256(), 0
    read: Callable[[int], bytes] = source.read
    while chunk := read(_CHUNK):
        hasher.update(chunk)
        size += len(chunk)
    return Digest(hasher.hexdigest(), size)
