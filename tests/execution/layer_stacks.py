"""Stacks of layers as others may make them, and a model of what they come to (image-spec, layer.md).

A stack is a list of layers, lowest first; a layer, a list of members as they stand in its tar.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

# path → kind, mode, content or target
Flat = dict[str, tuple[str, int, str]]

TYPES = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "whiteout": tarfile.REGTYPE,
}


@dataclass(frozen=True)
class Member:
    """One member; `text` is a file's content or a link's target, `path` of a whiteout what it takes away."""

    path: str
    kind: str
    mode: int = 0o644
    text: str = ""


NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILE_MODES = st.sampled_from([0o644, 0o755, 0o600, 0o444])
FOLDER_MODES = st.sampled_from([0o755, 0o700, 0o777, 0o1777])
TEXTS = st.sampled_from(["", "one", "two" * 300])
TARGETS = st.sampled_from(["a", "b/c", "/a", "../b", "nowhere", "/"])
MEMBERS = st.one_of(
    st.builds(lambda path, mode, text: Member(path, "file", mode, text), PATHS, FILE_MODES, TEXTS),
    st.builds(lambda path, mode: Member(path, "directory", mode), PATHS, FOLDER_MODES),
    st.builds(lambda path, target: Member(path, "symlink", 0o777, target), PATHS, TARGETS),
    st.builds(lambda path, source: Member(path, "link", 0o644, source), PATHS, PATHS),
    st.builds(lambda path: Member(path, "whiteout"), PATHS),
    st.builds(lambda path: Member(f"{path}/.wh..opq", "whiteout"), PATHS),
)


@st.composite
def layers(draw: st.DrawFn) -> list[Member]:
    """A layer that fits in itself: nothing twice, nothing inside a file or link, hard links to files before them."""
    chosen: dict[str, Member] = {}
    for member in draw(st.lists(MEMBERS, max_size=8)):
        folder = member.path.rpartition("/")[0] if member.kind == "whiteout" else member.path
        above = [path for path in _parents(member.path) if path in chosen and chosen[path].kind != "directory"]
        below = [path for path in chosen if path.startswith(f"{member.path}/")]
        if member.path in chosen or above or (member.kind != "directory" and below):
            continue
        if member.kind == "link" and chosen.get(member.text, member).kind != "file":
            continue
        if member.kind == "whiteout" and member.path.endswith(".opq") and folder not in chosen:
            continue
        chosen[member.path] = member
    return sorted(chosen.values(), key=_order)


STACKS = st.lists(layers(), min_size=1, max_size=4)


def _order(member: Member) -> tuple[bool, str]:
    return member.kind == "link", member.path


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def packed(layer: list[Member]) -> bytes:
    """The layer's tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in layer:
            info = tarfile.TarInfo(_name(member))
            info.type, info.mode = TYPES[member.kind], member.mode
            info.uid, info.gid = os.getuid(), os.getgid()
            if member.kind in ("symlink", "link"):
                info.linkname = member.text
            data = member.text.encode() if member.kind == "file" else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _name(member: Member) -> str:
    if member.kind != "whiteout":
        return member.path
    folder, _, name = member.path.rpartition("/")
    return f"{folder}/.wh.{'.wh..opq' if name == '.wh..opq' else name}".lstrip("/")


class DoNotFit(Exception):
    """A directory of one layer would cover what is none in a lower one; mbuild refuses that."""


def flat(stack: list[list[Member]]) -> Flat:
    """What a stack comes to."""
    found: Flat = {}
    for layer in stack:
        for member in layer:
            if member.kind == "whiteout":
                _take_away(found, member.path)
        for member in layer:
            if member.kind != "whiteout":
                _add(found, member, layer)
    return found


def _take_away(found: Flat, path: str) -> None:
    folder, _, name = path.rpartition("/")
    if any(found.get(parent, ("directory",))[0] != "directory" for parent in _parents(path)):
        return
    inside = folder if name == ".wh..opq" else path
    for other in [other for other in found if other == path or other.startswith(f"{inside}/")]:
        del found[other]


def _add(found: Flat, member: Member, layer: list[Member]) -> None:
    for parent in _parents(member.path):
        if found.setdefault(parent, ("directory", 0o755, ""))[0] != "directory":
            raise DoNotFit
    before = found.get(member.path)
    if member.kind == "directory":
        if before and before[0] != "directory":
            raise DoNotFit
        found[member.path] = "directory", member.mode, ""
        return
    for other in [other for other in found if other.startswith(f"{member.path}/")]:
        del found[other]
    if member.kind == "link":
        source = next(other for other in layer if other.path == member.text)
        found[member.path] = "file", source.mode, source.text
    else:
        found[member.path] = member.kind, member.mode, member.text


def listing(folder: Path) -> Flat:
    """What a folder holds."""
    found: Flat = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            told = "symlink", 0o777, str(path.readlink())
        elif stat.S_ISDIR(mode):
            told = "directory", stat.S_IMODE(mode), ""
        else:
            told = "file", stat.S_IMODE(mode), path.read_text()
        found[path.relative_to(folder).as_posix()] = told
    return found
