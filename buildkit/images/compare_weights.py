"""Two sides' safetensors files → the tensors that differ.

In: `Side`s and the files that are seen. Out: `WeightsChange`s. Tensors are compared by name over all files of a folder,
so that weights that were split anew compare equal; where a folder's files share names, file by file. A model that only
one side has is compared with the one that only the other has, if it is one each: champion and challenger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from buildkit.images.difference import Change, WeightsChange
from buildkit.images.merged import File
from buildkit.images.safetensors import Tensor
from buildkit.images.side import Side
from buildkit.records import dataclass

_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Known:
    """A tensor, and the digest of its bytes if they were read."""

    tensor: Tensor
    digest: str | None

    def __str__(self) -> str:
        return f"{self.tensor.dtype} [{', '.join(map(str, self.tensor.shape))}]"


def weights_changes(
    left: Side, right: Side, files_left: Mapping[str, File], files_right: Mapping[str, File]
) -> tuple[WeightsChange, ...]:
    """What differs, by folder or file. Of what holds a file that cannot be read, nothing is said."""
    one, two = _seen(left, files_left), _seen(right, files_right)
    pair = _pair(one, two)
    two = {_renamed(path, pair[::-1]): place for path, place in two.items()}
    unread = {path for path, place in one.items() if place in left.unread}
    unread |= {path for path, place in two.items() if place in right.unread}
    apart = _doubled(left, one) | _doubled(right, two)
    for path in one.keys() & two.keys():
        mine, theirs = left.digests.get(one[path]), right.digests.get(two[path])
        if mine and mine == theirs and (pair[0] == pair[1] or _model(path) != pair[0]):
            del one[path], two[path]
    before, after = _tensors(left, one, apart), _tensors(right, two, apart)
    groups = sorted({*before, *after} - {_group(path, apart) for path in unread})
    found = [_compared(group, before.get(group, {}), after.get(group, {})) for group in groups]
    named = (replace(change, other=_other(change.path, pair)) for change in found)
    return tuple(change for change in named if change.tensors or change.unknown or change.other)


def _seen(side: Side, files: Mapping[str, File]) -> dict[str, _Place]:
    return {path: file.place for path, file in files.items() if file.place in side.tensors or file.place in side.unread}


def _pair(one: Iterable[str], two: Iterable[str]) -> tuple[str, str]:
    """The model that only the first side has and the one that only the second has, if it is one each."""
    mine, theirs = {_model(path) for path in one}, {_model(path) for path in two}
    if len(mine - theirs) == len(theirs - mine) == 1:
        return (mine - theirs).pop(), (theirs - mine).pop()
    return "", ""


def _model(path: str) -> str:
    """The folder of a model: `models/NAME` as mbuild lays it out, else the one that the file is in."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "models" and len(parts) > 2 else _folder(path)


def _renamed(path: str, pair: tuple[str, ...]) -> str:
    """A path of the pair's first model as if it were of the second."""
    was, becomes = pair
    if was == becomes or _model(path) != was:
        return path
    return f"{becomes}/{path.removeprefix(was).lstrip('/')}".lstrip("/")


def _other(group: str, pair: tuple[str, str]) -> str:
    found = _renamed(group, pair)
    return (found or "/") if found != group else ""


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _doubled(side: Side, places: Mapping[str, _Place]) -> set[str]:
    """The folders in which a tensor's name occurs in two files."""
    names: dict[str, set[str]] = {}
    found = set()
    for path, place in places.items():
        known = names.setdefault(_folder(path), set())
        mine = side.tensors.get(place, {}).keys()
        if known & mine:
            found.add(_folder(path))
        known.update(mine)
    return found


def _group(path: str, apart: set[str]) -> str:
    return path if _folder(path) in apart else f"{_folder(path)}/"


def _tensors(side: Side, places: Mapping[str, _Place], apart: set[str]) -> dict[str, dict[str, _Known]]:
    """The tensors by name, by group."""
    found: dict[str, dict[str, _Known]] = {}
    for path, place in places.items():
        hashes = side.hashes.get(place, {})
        found.setdefault(_group(path, apart), {}).update(
            {name: _Known(tensor, hashes.get(name)) for name, tensor in side.tensors.get(place, {}).items()}
        )
    return found


def _compared(group: str, one: Mapping[str, _Known], two: Mapping[str, _Known]) -> WeightsChange:
    changed = []
    same = unknown = 0
    for name in sorted({*one, *two}):
        mine, theirs = one.get(name), two.get(name)
        if mine is None or theirs is None or str(mine) != str(theirs):
            changed.append(Change(name, str(mine) if mine else None, str(theirs) if theirs else None))
        elif mine.digest and theirs.digest and mine.digest != theirs.digest:
            changed.append(Change(name, str(mine), f"{theirs}, other values"))
        elif mine.digest and theirs.digest:
            same += 1
        else:
            unknown += 1
    return WeightsChange(group, tuple(changed), same, unknown)
