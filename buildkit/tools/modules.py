"""Layers → a tar of their Python modules alone, at their paths, for whoever compiles them.

Nothing is unpacked: layers are read from front to end. Of several layers with a path, the later counts, as in a root.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator

from buildkit.content import Blob, Kind
from buildkit.digest import Digest
from buildkit.oci import tar
from buildkit.oci.compression import decompressed
from buildkit.oci.each_once import each_once
from buildkit.oci.onward import Onward
from buildkit.oci.tar_reader import Member, Type, members
from buildkit.store import BlobStore
from buildkit.tools.merge import check_member, plain_path
from buildkit.tools.tool import tool

_LARGEST = 1 << 26  # 64 MiB: Python could not compile it


@tool(version=1, outputs=("archive",))
def modules(store: BlobStore, *, layer: Blob, folder: str, without: list[str] | None = None) -> dict[str, Digest]:
    """The `.py` files of a layer (or of a folder of layers) below a folder, but those inside folders called `without`.

    A hard link to one that is kept becomes a symlink. Raises BuildFailure for a damaged layer and for unsafe names.
    """
    wanted = _Wanted(folder.strip("/"), frozenset(without or ()))
    return {"archive": store.put(_archive(store, layer.parts(store.read), wanted))}


class _Wanted:
    """Which paths are modules that somebody may import."""

    def __init__(self, folder: str, without: Collection[str]) -> None:
        self._prefix = f"{folder}/" if folder else ""
        self._without = without

    def __contains__(self, path: str) -> bool:
        if not path.endswith(".py") or not path.startswith(self._prefix):
            return False
        *folders, name = path[len(self._prefix) :].split("/")
        return not name.startswith(".wh.") and not any(folder in self._without for folder in folders)


def _archive(store: BlobStore, layers: Collection[Digest], wanted: _Wanted) -> Iterator[bytes]:
    for digest in layers:
        what = f"layer {digest}"
        with store.open(digest) as source:
            archive = Onward(decompressed(source, what), what)
            for member in each_once(members(archive, what), what):
                path = plain_path(member.path)
                if path in wanted:
                    yield from _copied(path, member, archive, wanted, what)
    yield tar.END


def _copied(path: str, member: Member, archive: Onward, wanted: _Wanted, what: str) -> Iterator[bytes]:
    if member.type is Type.FILE and member.size <= _LARGEST:
        check_member(path, what)
        archive.seek(member.offset)
        yield tar.header(path, Kind.FILE, 0o644, member.size)
        yield archive.read(member.size) + tar.padding(member.size)
    elif member.type is Type.HARD_LINK and (first := plain_path(member.target)) in wanted:
        check_member(path, what)
        check_member(first, what)
        target = posixpath.relpath(first, posixpath.dirname(path))
        yield tar.header(path, Kind.SYMLINK, 0o777, target=target)
