"""`mbuild image diff`: a `Difference` → lines, or plain data. `+` added, `-` removed, `~` changed, `?` not compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from buildkit.digest import size_text
from buildkit.images.difference import Change, Difference, FileChange, Members, WeightsChange
from buildkit.images.facts import LayerFacts
from buildkit.report.image.layers import layer_data
from buildkit.report.image.text import printable, short

SIGNS = {"added": "+", "removed": "-", "changed": "~", "unknown": "?"}
_MOST = 100  # lines of a part; --json has all


def diff_lines(found: Difference) -> Iterator[str]:
    """What a person reads."""
    if found.identical:
        yield f"identical: {found.first[1]}"
        return
    yield f"--- {printable(found.first[0])} {found.first[1]}"
    yield f"+++ {printable(found.second[0])} {found.second[1]}"
    for title, lines in parts(found):
        yield ""
        yield title
        yield from (f"  {line}" for line in lines[:_MOST])
        if len(lines) > _MOST:
            yield f"  … and {len(lines) - _MOST} more; --json lists all"
    yield from (f"note: {printable(note)}" for note in found.notes)


def parts(found: Difference) -> Iterator[tuple[str, list[str]]]:
    """The parts in which something differs: a title, a line for each change."""
    if found.members:
        members = [*found.members.index, *found.members.changes]
        yield members_title(found.members), list(map(change_line, members))
        yield inner_title(found.members), []
    if found.inner_identical:
        return
    if found.config:
        yield "config", list(map(change_line, found.config))
    for kind, changes in found.packages.items():
        yield f"{kind.capitalize()} packages: {tally(changes)}", list(map(change_line, changes))
    for weights in found.weights:
        yield printable(weights_title(weights)), list(map(change_line, weights.tensors))
    if found.files:
        yield f"files: {tally(found.files)}", list(map(file_line, found.files))
    yield layers_title(found), [*_layers("-", found.removed_layers), *_layers("+", found.added_layers)]


def weights_title(weights: WeightsChange) -> str:
    """Where the weights are, how many tensors differ, and how many were not compared."""
    where = f"{weights.path}, compared with {weights.other}" if weights.other else weights.path
    counts = [tally(weights.tensors)] if weights.tensors or not weights.unknown else []
    counts += [f"{weights.same} the same"] if weights.same or not weights.unknown else []
    counts += [f"{weights.unknown} not compared (use --deep)"] if weights.unknown else []
    return f"weights in {where}: {', '.join(counts)}"


def tally(changes: Sequence[Change | FileChange]) -> str:
    """How many were added, removed, changed, and not compared."""
    count = {kind: sum(change.kind == kind for change in changes) for kind in SIGNS}
    said = {"unknown": "not compared"}
    return ", ".join(f"{number} {said.get(kind, kind)}" for kind, number in count.items() if number) or "none changed"


def members_title(members: Members) -> str:
    """How many members of two indexes differ."""
    if members.changes:
        return f"members of the index: {tally(members.changes)}"
    return "index: the same members, another document"


def inner_title(members: Members) -> str:
    """Of which images all that follows is told."""
    (one, two), (first, second) = members.platforms, members.digests
    if first == second:
        return f"compared in depth: {printable(one)}, which is identical: {first}"
    shown = printable(one if one == two else f"{one} with {two}")
    return f"compared in depth: {shown}, {first} and {second}"


def layers_title(found: Difference) -> str:
    """How many layers are shared, removed, added, and what they weigh."""
    rows = (("shared", found.shared), ("removed", found.removed_layers), ("added", found.added_layers))
    return "layers: " + ", ".join(f"{len(layers)} {word} ({weight(layers)})" for word, layers in rows if layers)


def weight(layers: Sequence[LayerFacts]) -> str:
    """The size of layers as they ship."""
    return size_text(sum(row.descriptor.digest.size for row in layers))


def change_line(change: Change) -> str:
    """A name, and what became of it."""
    name = printable(change.name)
    values = [printable(value) for value in (change.before, change.after) if value is not None]
    return f"{SIGNS[change.kind]} {name} {' → '.join(values)}".rstrip()


def file_line(change: FileChange) -> str:
    """A path, its size on both sides, what of it changed."""
    return f"{SIGNS[change.kind]} {printable(change.path)} {file_remark(change)}"


def file_remark(change: FileChange) -> str:
    """The sizes, or where a symlink leads, and what changed, as one looks at them."""
    sides = zip((change.before, change.after), change.targets, strict=True)
    sizes = [f"-> {printable(target)}" if target else _size(size) for size, target in sides if size is not None]
    shown = sizes[0] if len(set(sizes)) == 1 else " → ".join(sizes)
    words = {
        "content?": "content not compared",
        "link?": "a hard link into a shared layer, not compared",
        "whiteout": "whited out of a shared layer",
    }
    what = ", ".join(words.get(word, word) for word in change.what)
    return f"({shown}{'; ' + what if what else ''})"


def _size(size: int) -> str:
    return size_text(size) if size >= 0 else "?"


def _layers(sign: str, layers: Sequence[LayerFacts]) -> Iterator[str]:
    for row in layers:
        digest = row.descriptor.digest
        yield f"{sign} {short(digest)} {size_text(digest.size)} {printable(row.name)}".rstrip()


def diff_data(found: Difference) -> dict[str, Any]:
    """The same as plain data, all of it."""
    return {
        "identical": found.identical,
        "first": {"image": found.first[0], "digest": str(found.first[1])},
        "second": {"image": found.second[0], "digest": str(found.second[1])},
        "index": _members_data(found.members) if found.members else None,
        "config": list(map(_change_data, found.config)),
        "packages": {kind: list(map(_change_data, changes)) for kind, changes in found.packages.items()},
        "weights": [
            {
                "path": one.path,
                "comparedWith": one.other or None,
                "tensors": list(map(_change_data, one.tensors)),
                "same": one.same,
                "notCompared": one.unknown,
            }
            for one in found.weights
        ],
        "files": [
            {
                "path": one.path,
                "change": one.kind,
                "before": one.before if one.before != -1 else None,
                "after": one.after if one.after != -1 else None,
                "what": list(one.what),
                "targets": list(one.targets) if any(one.targets) else None,
            }
            for one in found.files
        ],
        "layers": {
            "shared": list(map(layer_data, found.shared)),
            "removed": list(map(layer_data, found.removed_layers)),
            "added": list(map(layer_data, found.added_layers)),
        },
        "notes": list(found.notes),
    }


def _members_data(members: Members) -> dict[str, Any]:
    return {
        "says": list(map(_change_data, members.index)),
        "members": list(map(_change_data, members.changes)),
        "compared": [
            {"member": name, "digest": str(digest)}
            for name, digest in zip(members.platforms, members.digests, strict=True)
        ],
    }


def _change_data(change: Change) -> dict[str, Any]:
    return {"name": change.name, "change": change.kind, "before": change.before, "after": change.after}
