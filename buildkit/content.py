"""What a folder holds, and what a byte stream is made of, as plain values.

In: entries and segments. Out: `Tree` (a folder's content, sorted, with a canonical document and so a digest) and
`Recipe` (inline bytes and ranges of blobs that together make a stream).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.records import dataclass


class Kind(StrEnum):
    """What an entry of a tree is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree. Files have a digest, symlinks a target (their text, unresolved)."""

    path: str
    kind: Kind
    mode: int = 0o644
    digest: Digest | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder's content: entries sorted by the bytes of their paths, parents before children, no path twice."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Tree:
        """Sort and check entries. Raises BuildFailure for a path that leads outside, is doubled, or lies in a file."""
        given = tuple(entries)
        for entry in given:
            check_path(entry.path)
        ordered = tuple(sorted(given, key=lambda entry: sort_key(entry.path)))
        kinds: dict[str, Kind] = {}
        for entry in ordered:
            if entry.path in kinds:
                raise BuildFailure(f"two entries have the path '{entry.path}'")
            kinds[entry.path] = entry.kind
        for folder in sorted(folders_above(kinds), key=sort_key):
            if kinds.get(folder, Kind.DIRECTORY) is not Kind.DIRECTORY:
                inside = next(path for path in kinds if path.startswith(f"{folder}/"))
                raise BuildFailure(f"'{inside}' lies inside '{folder}', which is a {kinds[folder]}")
        return cls(ordered)

    def to_json(self) -> bytes:
        """The canonical document; its sha256 is the tree's identity."""
        rows = [_row(entry) for entry in self.entries]
        return json.dumps({"tree": 1, "entries": rows}, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def from_json(cls, document: bytes) -> Tree:
        """Read what `to_json` wrote, checking it anew. Raises BuildFailure for anything else."""
        try:
            return cls.of([_entry(row) for row in json.loads(document)["entries"]])
        except BuildFailure:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BuildError):
            raise BuildFailure(
                "not the document of a tree: expected the 'tree' output of a layer, or a folder"
            ) from None


def _row(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = {"path": entry.path, "kind": str(entry.kind), "mode": entry.mode}
    if entry.digest:
        row |= {"digest": str(entry.digest), "size": entry.digest.size}
    if entry.target is not None:
        row["target"] = entry.target
    return row


def _entry(row: dict[str, object]) -> Entry:
    size, mode = int(str(row.get("size", 0))), int(str(row["mode"]))
    digest = Digest.parse(str(row["digest"]), size) if "digest" in row else None
    target = str(row["target"]) if "target" in row else None
    if not 0 <= size < 1 << 63 or not 0 <= mode <= 0o7777 or "\0" in (target or ""):
        raise ValueError("a number or a target that cannot be")
    (target or "").encode()  # what is no text raises ValueError
    return Entry(str(row["path"]), Kind(str(row["kind"])), mode, digest, target)


def sort_key(path: str) -> bytes:
    """Orders paths bytewise, as tar layers and trees are written; a directory comes before what it holds."""
    return path.encode()


def parents(path: str) -> Iterator[str]:
    """The directories above a path, outermost first: 'a/b/c' gives 'a', 'a/b'."""
    parts = path.split("/")[:-1]
    for index in range(len(parts)):
        yield "/".join(parts[: index + 1])


_MOST_NAMES = 1 << 26  # characters; an image with torch has a quarter of a million of them


def folders_above(paths: Iterable[str]) -> set[str]:
    """Every directory above any of the paths; each is met once, however many paths lie in it.

    Raises BuildFailure where their names take memory beyond all measure: paths of a thousand folders each are a bomb.
    """
    found: set[str] = set()
    size = 0
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            size += len(folder)
            folder = folder.rpartition("/")[0]
        if size > _MOST_NAMES:
            raise BuildFailure(f"paths in {len(found)} folders, whose names are {size} characters: refused as a bomb")
    return found


_PART = r"(?!\.{1,2}(?:/|\Z))[^/\0]+"
_PLAIN = re.compile(f"{_PART}(?:/{_PART})*")


def check_path(path: str) -> None:
    """Raise BuildFailure unless a path is relative, plain, valid UTF-8 and stays below its root."""
    if not _PLAIN.fullmatch(path):
        raise BuildFailure(f"unsafe path {path!r}: expected a plain relative path below the root")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BuildFailure(f"path {path!r} is not valid UTF-8") from None


# A bomb unfolds to more than both. Made-up tables of a few gigabytes shrink well too, and are none.
BOMB_FREE, BOMB_RATIO = 1 << 32, 500


def is_bomb(packed: int, unpacked: int) -> bool:
    """Whether compressed bytes unfold beyond all measure: a few of them fill a disk."""
    return unpacked > BOMB_FREE and unpacked > BOMB_RATIO * packed


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that a recipe holds itself, such as a tar header."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Slice:
    """`length` bytes of a blob from `offset` on."""

    digest: Digest
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """Segments that make a byte stream when read one after the other."""

    segments: tuple[Inline | Slice, ...]

    @property
    def size(self) -> int:
        """The stream's length in bytes."""
        return sum(len(part.data) if isinstance(part, Inline) else part.length for part in self.segments)


@dataclass(frozen=True, slots=True)
class Blob:
    """What an input artifact is at execution: some bytes, or (`tree`) the document of a `Tree`."""

    digest: Digest
    tree: bool = False

    def parts(self, read: Callable[[Digest], bytes]) -> tuple[Digest, ...]:
        """The blobs that it stands for: itself, or a folder's files in their order. `read` gives a folder's document.

        So one output can be several things where only the work itself can tell how many, as with layers.
        """
        if not self.tree:
            return (self.digest,)
        return tuple(entry.digest for entry in Tree.from_json(read(self.digest)).entries if entry.digest)
