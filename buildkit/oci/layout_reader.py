"""An OCI image layout, somebody's folder → the image that it names, and its blobs (image-spec, image-layout.md).

In: a folder and perhaps a tag. Out: the root's descriptor and an `OpenPart`. Nothing outside the folder is opened: a
symbolic link that leads out, a pipe and a blob of another size are refused by name.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault, did_you_mean
from buildkit.oci.appearing import reason
from buildkit.oci.blobs import LARGEST_DOCUMENT, Limited, Verified
from buildkit.oci.compression import Readable
from buildkit.oci.descriptor import INDEX, Descriptor
from buildkit.oci.document import parse_object
from buildkit.oci.index import Index
from buildkit.oci.layout import REFERENCE_NAME

_OTHER_NAME = "io.containerd.image.name"
_VERSION = "1.0.0"


class LayoutReader:
    """The blobs of a layout; `index` is its index.json, which is a blob too where it serves as an index."""

    def __init__(self, folder: Path) -> None:
        """Read what the folder says that it is. BuildFailure for one that is no layout."""
        self._folder = folder
        self._name = f"OCI layout '{folder}'"
        check_version(self._document("oci-layout"), self._name)
        self._index_json = self._document("index.json")
        self.index = Index.from_json(self._index_json)

    def root(self, tag: str = "") -> Descriptor:
        """What a tag names; without one, what the layout holds."""
        return choose_root(self.index, self._index_json, tag, self._name)

    @contextmanager
    def open(self, digest: Digest, /, offset: int = 0, length: int | None = None) -> Iterator[Readable]:
        """See `OpenPart`."""
        if digest == Digest.of(self._index_json):
            yield io.BytesIO(self._index_json[offset : None if length is None else offset + length])
            return
        path = f"blobs/sha256/{digest.hex}"
        with self._opened(path, f"blob {digest}") as file:
            size = os.fstat(file).st_size
            if size != digest.size:
                raise BuildFailure(f"{self._name}: blob {digest} has {size} bytes, expected {digest.size}")
            yield _slice(_File(file), digest, offset, length, f"{self._name}: blob {digest}")

    def _document(self, path: str) -> bytes:
        with self._opened(path, f"'{path}'") as file:
            data = _File(file).read(LARGEST_DOCUMENT + 1)
        if len(data) > LARGEST_DOCUMENT:
            raise BuildFailure(f"{self._name}: '{path}' has more than the {LARGEST_DOCUMENT} bytes that mbuild reads")
        return data

    @contextmanager
    def _opened(self, path: str, what: str) -> Iterator[int]:
        try:
            # A pipe would keep us waiting: it is opened without, and then refused.
            file = os.open(self._inside(path, what), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise BuildFailure(f"{self._name} has no {what}") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise BuildFailure(f"{self._name}: {what} is no file: {reason(error)}") from None
            raise EnvironmentFault(f"cannot read {what} of the {self._name}: {reason(error)}") from None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise BuildFailure(f"{self._name}: {what} is no file")
            yield file
        finally:
            os.close(file)

    def _inside(self, path: str, what: str) -> str:
        """The real path, all links followed, which must be below the folder."""
        root = os.path.realpath(self._folder)
        real = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 (realpath knows loops as they are)
        if os.path.commonpath((root, real)) != root:
            raise BuildFailure(f"{self._name}: {what} leads outside the folder, to '{real}'")
        return real


class _File:
    def __init__(self, file: int) -> None:
        self._file = file

    def seek(self, place: int) -> None:
        os.lseek(self._file, place, os.SEEK_SET)

    def read(self, size: int, /) -> bytes:
        out = bytearray()
        while len(out) < size and (chunk := os.read(self._file, min(size - len(out), 1 << 20))):
            out += chunk
        return bytes(out)


def _slice(file: _File, digest: Digest, offset: int, length: int | None, what: str) -> Readable:
    """A whole blob, verified, or a part of it."""
    if offset == 0 and length is None:
        return Verified(file, digest, what)
    file.seek(offset)
    return Limited(file, digest.size - offset if length is None else length)


def check_version(document: bytes, what: str) -> None:
    """See that an `oci-layout` file is one that we know."""
    version = parse_object(document, f"'oci-layout' of the {what}").get("imageLayoutVersion")
    if version != _VERSION:
        raise BuildFailure(f"{what} has the version {str(version)[:40]!r}, expected '{_VERSION}'")


def choose_root(index: Index, document: bytes, tag: str, what: str) -> Descriptor:
    """The image that a tag names in a layout's index; without a tag, the one there is, or all for one to choose from.

    Raises BuildError where the tag is not there, or none was given and there are several.
    """
    if not index.manifests:
        raise BuildFailure(f"{what} holds no image")
    found = [entry for entry in index.manifests if not tag or tag in _names(entry)]
    if len(found) == 1:
        return found[0]
    tags = sorted({name for entry in index.manifests for name in _names(entry)})
    if tag and not found:
        listed = f"it has {_listed(tags)}" if tags else "its images have no tags"
        raise BuildError(f"{what} has no tag '{tag}'", hint=did_you_mean(tag, filter(str.isprintable, tags)) or listed)
    if not tag and not tags:  # an index of platforms that was not wrapped
        return Descriptor(INDEX, Digest.of(document))
    if not tag:
        raise BuildError(f"{what} holds {len(found)} images", hint=f"name one by its tag: it has {_listed(tags)}")
    raise BuildFailure(f"{what} has {len(found)} images with the tag '{tag}'")


def _names(entry: Descriptor) -> tuple[str, ...]:
    annotations = dict(entry.annotations)
    return tuple(name for key in (REFERENCE_NAME, _OTHER_NAME) if (name := annotations.get(key)))


def _listed(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - 5} more" if len(tags) > 5 else ""
    return ", ".join(repr(tag) for tag in tags[:5]) + more
