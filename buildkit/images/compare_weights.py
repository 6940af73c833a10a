"""Two sides' safetensors files → the tensors that differ.

In: `Side`s and the files that are seen. Out: `WeightsChange`s. Tensors are compared by name over all files of a folder,
so that weights that were split anew compare equal; where a folder's files share names, file by file.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    """What differs, by folder or file."""
    one, two = _seen(left, files_left), _seen(right, files_right)
    apart = _doubled(left, one) | _doubled(right, two)
    for path in one.keys() & two.keys():
        mine, theirs = left.digests.get(one[path]), right.digests.get(two[path])
        if mine and mine == theirs:
            del one[path], two[path]
    before, after = _tensors(left, one, apart), _tensors(right, two, apart)
    found = [_compared(group, before.get(group, {}), after.get(group, {})) for group in sorted({*before, *after})]
    return tuple(change for change in found if change.tensors or change.unknown)


def _seen(side: Side, files: Mapping[str, File]) -> dict[str, _Place]:
    return {path: file.place for path, file in files.items() if file.place in side.tensors}


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _doubled(side: Side, places: Mapping[str, _Place]) -> set[str]:
    """The folders in which a tensor's name occurs in two files."""
    names: dict[str, set[str]] = {}
    found = set()
    for path, place in places.items():
        known = names.setdefault(_folder(path), set())
        mine = side.tensors[place].keys()
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
            {name: _Known(tensor, hashes.get(name)) for name, tensor in side.tensors[place].items()}
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
