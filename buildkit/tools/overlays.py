"""Layers over each other: whether their trees hold the same in any order.

In: the documents of the layers' trees. Out: their paths, or a BuildFailure that names both layers. An image with torch
has 20,000 entries, and is checked again for each line of code that changes. So `_fitting` looks at all of them at once,
with as little Python as it takes, and says yes only where everything is plainly right; else each entry is looked at by
itself, and what is wrong is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from buildkit.content import Entry, Kind, Tree, folders_above, parents
from buildkit.errors import BuildFailure

_KINDS = frozenset(map(str, Kind))
# A line is a path after a slash. What is no part of a plain path: nothing, '.' and '..'. All that may match begins with
# a slash: so this takes a quarter of the time.
_ODD = re.compile(r"/(?:[/\n]|\.[/\n]|\.\.[/\n])").search
_ONE_OWNER = "let one of the two bring it: leave the other package or file out where it is asked for, or move it"
_LENGTH = len("sha256:") + 64 + 1
_DIGESTS = re.compile(r"(?:sha256:[0-9a-f]{64}\n)*").fullmatch


def check_layers(documents: Sequence[bytes], names: Sequence[str]) -> list[Collection[str]]:
    """The paths of the trees. Raises BuildFailure, which names both layers, unless these fit over each other in any
    order. Also for what is not the document of a tree.
    """
    if (paths := _fitting(documents)) is not None:
        return paths
    trees = [Tree.from_json(document) for document in documents]
    check_carefully(trees, names)
    return [[entry.path for entry in tree.entries] for tree in trees]


def _fitting(documents: Iterable[bytes]) -> list[Collection[str]] | None:
    merged: dict[str, dict[str, Any]] = {}
    paths: list[Collection[str]] = []
    try:
        for document in documents:
            rows = json.loads(document)["entries"]
            tree = {row["path"]: row for row in rows}
            if len(tree) != len(rows) or not _are_plain(tree) or not _are_whole(rows):
                return None
            if any(merged[path] != tree[path] for path in merged.keys() & tree.keys()):
                return None
            merged |= tree
            paths.append(tree)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    right = all(merged[folder]["kind"] == "directory" for folder in folders_above(merged) if folder in merged)
    return paths if right else None


def _are_plain(paths: Iterable[str]) -> bool:
    """Whether `check_path` takes all of them. Raises ValueError for what is no UTF-8, TypeError for what is no text."""
    known = list(paths)
    text = "\n".join(["", *known, ""]).replace("\n", "\n/")
    return not _ODD(text) and "\0" not in text and text.encode().count(b"\n") == len(known) + 1


def _are_whole(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether kinds, modes, digests, sizes and targets are what the document of a tree has."""
    digests = [row["digest"] + "\n" for row in rows if "digest" in row]
    modes = {row["mode"] for row in rows}
    sizes = [row["size"] for row in rows if "size" in row or "digest" in row]
    targets = "".join([row["target"] for row in rows if "target" in row])
    targets.encode()  # what is no UTF-8 raises ValueError
    return (
        {row["kind"] for row in rows} <= _KINDS
        and {*map(type, modes), *map(type, sizes)} <= {int}
        and 0 <= min(modes, default=0) <= max(modes, default=0) <= 0o7777
        and 0 <= min(sizes, default=0) <= max(sizes, default=0) < 1 << 63
        and "\0" not in targets
        and _DIGESTS("".join(digests)) is not None
        and set(map(len, digests)) <= {_LENGTH}
    )


def check_carefully(trees: Sequence[Tree], names: Sequence[str]) -> None:
    """What `check_layers` promises, entry by entry."""
    merged: dict[str, tuple[Entry, str]] = {}
    for tree, name in zip(trees, names, strict=True):
        for entry in tree.entries:
            before = merged.setdefault(entry.path, (entry, name))
            if before[0] != entry:
                raise BuildFailure(
                    f"'{entry.path}' is {_what(before[0])} in {before[1]} and {_what(entry)} in {name}",
                    hint=_ONE_OWNER,
                )
    for entry, name in merged.values():
        for parent in parents(entry.path):
            above = merged.get(parent)
            if above and above[0].kind is not Kind.DIRECTORY:
                raise BuildFailure(
                    f"'{entry.path}' of {name} lies inside '{parent}', which is {_what(above[0])} in {above[1]}",
                    hint=f"write the path that is really meant, or {_ONE_OWNER}",
                )


def _what(entry: Entry) -> str:
    if entry.kind is Kind.SYMLINK:
        return f"a symlink to '{entry.target}'"
    if entry.kind is Kind.DIRECTORY:
        return f"a directory (mode {entry.mode:04o})"
    return f"a file ({entry.digest}, mode {entry.mode:04o})"
