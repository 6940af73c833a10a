"""A layer as other actions see it: where its bytes are, what they are uncompressed, and which paths they hold.

In: entries of a filesystem. Out: a `Tree` with every parent directory; `Layer` and its small canonical document, which
is the `descriptor` output of the tools that make layers.

One policy for parent directories: every directory above an entry is in the layer, with mode 0755, but for those that
everybody may write in (`tmp`, `var/tmp`: 1777). So a layer that repeats a directory never changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from buildkit.content import Entry, Kind, Tree, check_path, folders_above
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.document import canonical, parse_object
from buildkit.oci.elf import Machines
from buildkit.records import dataclass

_OPEN_TO_ALL = {"tmp": 0o1777, "var/tmp": 0o1777}


ABOUT = ("name", "role", "why")


@dataclass(frozen=True, slots=True)
class About:
    """What a layer is called ("torch 2.4.0"), its part in the image ("packages"), why it is a layer by itself."""

    name: str = ""
    role: str = ""
    why: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str] | None) -> About:
        """Read a mapping of (some of) the three. Raises BuildFailure for anything else in it."""
        unknown = sorted(set(fields or ()) - set(ABOUT))
        if unknown:
            raise BuildFailure(f"a layer has no '{unknown[0]}'", hint=f"what is told of one: {', '.join(ABOUT)}")
        return cls(**dict(fields or {}))

    def fields(self) -> dict[str, str]:
        """The three by their names."""
        return {"name": self.name, "role": self.role, "why": self.why}


NOTHING = About()


@dataclass(frozen=True, slots=True)
class Layer:
    """A tar as it ships, the digest of the uncompressed tar, and the document of its tree.

    `pth` lists the image paths of the files that extend Python's module search path as Python starts. `about` is what
    people are told of the layer. A layer of an image of others has no `tree`: its bytes were never here; `history` are
    the entries of that image's config which led to it. `elf` says which processors its programs are for, with
    examples.
    """

    descriptor: Descriptor
    diff_id: str
    tree: Digest | None
    pth: tuple[str, ...] = ()
    about: About = NOTHING
    history: tuple[dict[str, Any], ...] = ()
    elf: Machines = ()

    def to_json(self) -> bytes:
        """The canonical document."""
        data: dict[str, Any] = {
            "mediaType": self.descriptor.media_type,
            "digest": str(self.descriptor.digest),
            "size": self.descriptor.digest.size,
            "diffID": self.diff_id,
        }
        if self.tree:
            data |= {"tree": str(self.tree), "treeSize": self.tree.size}
        if self.history:
            data["history"] = list(self.history)
        if self.pth:
            data["pth"] = list(self.pth)
        if self.elf:
            data["elf"] = {name: list(paths) for name, paths in self.elf}
        data |= {name: text for name, text in self.about.fields().items() if text}
        return canonical(data)

    @classmethod
    def from_json(cls, document: bytes) -> Layer:
        """Read what `to_json` wrote. Raises BuildFailure for anything else."""
        data = parse_object(document, "a layer's descriptor")
        try:
            diff_id = str(data["diffID"])
            tree = Digest.parse(str(data["tree"]), int(data["treeSize"])) if "tree" in data else None
            about = About(*(str(data.get(name, "")) for name in ABOUT))
            pth, history = tuple(data.get("pth", ())), tuple(data.get("history", ()))
            elf = tuple((str(name), tuple(map(str, paths))) for name, paths in sorted(data.get("elf", {}).items()))
            return cls(Descriptor.from_data(data), diff_id, tree, pth, about, history, elf)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BuildFailure("not a layer's descriptor: expected the 'descriptor' output of a layer") from None


def directory_mode(path: str) -> int:
    """The mode of a directory of an image."""
    return _OPEN_TO_ALL.get(path, 0o755)


def file_mode(mode: int) -> int:
    """0755 where the owner may execute the file, else 0644; setuid, setgid and umask leave no trace."""
    return 0o755 if mode & 0o100 else 0o644


def directory(path: str) -> Entry:
    """The entry of a directory."""
    return Entry(path, Kind.DIRECTORY, directory_mode(path))


def symlink(path: str, target: str) -> Entry:
    """The entry of a symbolic link; its mode is what Linux shows."""
    return Entry(path, Kind.SYMLINK, 0o777, target=target)


def with_parents(entries: Iterable[Entry]) -> Tree:
    """The tree of `entries` and of every directory above them. Raises BuildFailure as `Tree.of` does."""
    known = list(entries)
    paths = {entry.path for entry in known}
    for path in paths:
        check_path(path)
    missing = folders_above(entry.path for entry in known) - paths
    return Tree.of([*known, *map(directory, missing)])
