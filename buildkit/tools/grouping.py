"""Which files share a layer: a policy over sizes and names, without bytes.

In: a tree's entries with their roles, and limits. Out: `Group`s, each to become one layer, and the small files that are
left. What decides is a file's own size and name, so that one more file changes one group; only where there are too many
big files for a layer each do the smallest of them share one, and as few as need be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from zlib import crc32

from buildkit.content import Entry, Kind, folders_above, sort_key
from buildkit.oci.layer import About
from buildkit.records import dataclass

# Below this size, which is also where the store begins to hash on the way, a request costs more than the bytes.
ALONE = 64 << 20
# Docker, containerd and registries take larger layers; but a transfer that breaks begins anew with the layer.
LARGEST = 2_000_000_000
_SHARED = 6  # layers that the smallest of too many big files are spread over

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """A file of `alone` bytes is big; a layer that several files share has `largest` bytes at most; big files have so
    many layers as `most` at most, unless they are too large to share one.
    """

    alone: int = ALONE
    largest: int = LARGEST
    most: int = 100


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that become one layer, and what is told of it."""

    entries: tuple[Entry, ...]
    about: About


def role_of(path: str, roles: Mapping[str, str]) -> str:
    """The role of a file: that of the longest end of its name that `roles` has ('' is an end of every name)."""
    name = path.rpartition("/")[2]
    ends = [end for end in roles if name.endswith(end)]
    return roles[max(ends, key=len)] if ends else ""


def big(entries: Iterable[Entry], roles: Mapping[str, str], limits: Limits) -> list[Group]:
    """The layers of big files: one each; where these would be more than `limits.most`, the smallest share some.

    Which two share is decided by a hash of their names, and of most files by their sizes alone. So with one file more,
    no layers but those of a few of the smallest are others.
    """
    found = [entry for entry in entries if size_of(entry) >= limits.alone]
    too_many = len(found) - limits.most
    spread = min(_SHARED, limits.most)
    shared: dict[tuple[str, int], list[list[Entry]]] = {}
    for entry in sorted(found, key=lambda entry: (size_of(entry), entry.path)):
        if too_many <= 0:
            break
        groups = shared.setdefault((role_of(entry.path, roles), crc32(entry.path.encode()) % spread), [])
        if groups and sum(map(size_of, groups[-1])) + size_of(entry) <= limits.largest:
            groups[-1].append(entry)
            too_many -= 1
        else:
            groups.append([entry])
    together = [group for groups in shared.values() for group in groups if len(group) > 1]
    taken = {entry.path for group in together for entry in group}
    made = [_alone(entry, roles, limits) for entry in found if entry.path not in taken]
    made += [_together(group, roles, limits) for group in together]
    return sorted(made, key=lambda group: sort_key(group.entries[0].path))


def small(entries: Iterable[Entry]) -> list[Entry]:
    """What `big` leaves: small files, links, and folders that hold nothing (others come with what they hold)."""
    given = list(entries)
    needed = folders_above(entry.path for entry in given)
    return [entry for entry in given if entry.kind is not Kind.DIRECTORY or entry.path not in needed]


def bundles(entries: Sequence[Entry], roles: Mapping[str, str], limits: Limits, name: str) -> list[Group]:
    """The layers of small files: one a role, or several where that would be larger than a layer may be."""
    groups = []
    for role in _order(entries, roles):
        one_role = [entry for entry in entries if role_of(entry.path, roles) == role]
        parts = runs(one_role, size_of, limits.largest)
        why = f"files below {shown(limits.alone)} share a layer"
        if len(parts) > 1:
            why += f", of {shown(limits.largest)} at most"
        for number, run in enumerate(parts, 1):
            number_shown = f" {number} of {len(parts)}" if len(parts) > 1 else ""
            called = run[0].path.rpartition("/")[2] if len(one_role) == 1 else f"{name} {role}".strip() + number_shown
            groups.append(Group(tuple(run), About(called, role, why)))
    return groups


def runs(items: Iterable[T], size: Callable[[T], int], largest: int) -> list[list[T]]:
    """Items in their order, cut where a run would become larger than `largest`; one that is larger is a run itself."""
    made: list[list[T]] = []
    filled = 0
    for item in items:
        if not made or filled + size(item) > largest:
            made.append([])
            filled = 0
        made[-1].append(item)
        filled += size(item)
    return made


def split(entries: Iterable[Entry], largest: int | None, about: About) -> list[tuple[list[Entry], About]]:
    """A layer's files in the order of their paths, as several layers where one would be too large; what each is called.

    There is always one, even of no files.
    """
    limit = largest or LARGEST
    parts = runs(sorted(entries, key=lambda entry: sort_key(entry.path)), size_of, limit) or [[]]
    if len(parts) == 1:
        return [(parts[0], about)]
    why = f"{about.why}, split at {shown(limit)}" if about.why else f"split at {shown(limit)}"
    return [
        (part, replace(about, name=f"{about.name} {number} of {len(parts)}".strip(), why=why))
        for number, part in enumerate(parts, 1)
    ]


def size_of(entry: Entry) -> int:
    """A file's bytes; links and folders have none."""
    return entry.digest.size if entry.digest else 0


def shown(size: int) -> str:
    """A size for people: in the unit, decimal or binary, in which it is a round number, else in the largest decimal.

    >>> [shown(size) for size in (64 << 20, 2_000_000_000, 1_234_567)]
    ['64 MiB', '2 GB', '1.23 MB']
    """
    for unit, bytes_ in (("GiB", 1 << 30), ("GB", 10**9), ("MiB", 1 << 20), ("MB", 10**6), ("KiB", 1 << 10)):
        if size >= bytes_ and size % bytes_ == 0:
            return f"{size // bytes_} {unit}"
    unit, bytes_ = next(((u, b) for u, b in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)) if size >= b), ("bytes", 1))
    return f"{size / bytes_:.3g} {unit}"


def _alone(entry: Entry, roles: Mapping[str, str], limits: Limits) -> Group:
    why = f"a file of {shown(limits.alone)} or more is a layer by itself"
    if size_of(entry) > limits.largest:
        why += f", also one larger than {shown(limits.largest)}"
    return Group((entry,), About(entry.path.rpartition("/")[2], role_of(entry.path, roles), why))


def _together(entries: Iterable[Entry], roles: Mapping[str, str], limits: Limits) -> Group:
    first, *others = sorted(entries, key=lambda entry: sort_key(entry.path))
    name = f"{first.path.rpartition('/')[2]} and {len(others)} more"
    why = f"big files are more than {limits.most}: the smallest share layers of up to {shown(limits.largest)}"
    return Group((first, *others), About(name, role_of(first.path, roles), why))


def _order(entries: Iterable[Entry], roles: Mapping[str, str]) -> list[str]:
    """The roles that entries have, in the order in which `roles` names them."""
    there = {role_of(entry.path, roles) for entry in entries}
    return [role for role in dict.fromkeys((*roles.values(), "")) if role in there]
