"""Two images → how they differ, reading as little as may be.

In: two images that were opened. Out: `Difference`. Layers that both hold are not looked into, and so never fetched,
unless `deep`: then all is read, and nothing is left open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from buildkit.images.compare_weights import weights_changes
from buildkit.images.difference import Change, Difference, FileChange, Members, changes
from buildkit.images.facts import ImageFacts, facts_of, names_of, rows_of
from buildkit.images.members import IndexMember, index_annotations, members_changes, members_of
from buildkit.images.merged import File
from buildkit.images.packages import ecosystem_of
from buildkit.images.side import Side, side_of
from buildkit.oci.descriptor import INDEXES, Descriptor
from buildkit.oci.image import Image, OpenedImage
from buildkit.records import dataclass

_STATUS = "var/lib/dpkg/status"
UNKNOWN = -1  # a size that only a shared layer, which is not read, could tell


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the two: its name, its blobs, its documents; `whole` if the index that the image is of counts too."""

    name: str
    opened: OpenedImage
    image: Image
    whole: bool = True

    @property
    def root(self) -> Descriptor:
        """What is compared: the index, else the image."""
        return (self.image.index if self.whole else None) or self.image.descriptor


def compare(first: Compared, second: Compared, *, deep: bool = False) -> Difference:
    """Compare two images. BuildFailure for a layer that is damaged or hostile."""
    one, two = facts_of(first.image), facts_of(second.image)
    found = Difference((first.name, first.root.digest), (second.name, second.root.digest))
    if not found.identical and {first.root.media_type, second.root.media_type} & {*INDEXES}:
        found = replace(found, members=_members(first, second, one, two))
    if one.digest == two.digest:
        return replace(found, shared=one.layers)
    both = {row.descriptor.digest for row in one.layers} & {row.descriptor.digest for row in two.layers}
    own = tuple(row for row in one.layers if row.descriptor.digest not in both)
    other = tuple(row for row in two.layers if row.descriptor.digest not in both)
    left = side_of(first.opened, one.layers if deep else own, deep=deep)
    right = side_of(second.opened, two.layers if deep else other, deep=deep)
    partial = bool(both) and not deep
    shownleft, shownright = left.files(), right.files()
    packages, notes = _packages(left, right, shownleft, shownright, partial)
    files = [*_files(left, right, shownleft, shownright), *(_whiteouts(left, right) if partial else ())]
    weights = weights_changes(left, right, shownleft, shownright)
    return replace(
        found,
        config=changes(_settings(one), _settings(two)),
        packages=packages,
        files=tuple(sorted(files, key=lambda file: file.path.encode("utf-8", "surrogateescape"))),
        weights=weights,
        shared=tuple(row for row in one.layers if row.descriptor.digest in both),
        removed_layers=own,
        added_layers=other,
        notes=(
            *(f"{first.name}: {note}" for note in left.notes),
            *(f"{second.name}: {note}" for note in right.notes),
            *notes,
            *_open_questions(files),
        ),
    )


def _members(first: Compared, second: Compared, one: ImageFacts, two: ImageFacts) -> Members:
    """How the indexes differ. What is no index counts as one with a single member."""
    listed = [
        members_of(side.root, side.opened.open_blob) or (IndexMember(_called(facts), Descriptor("", facts.digest)),)
        for side, facts in ((first, one), (second, two))
    ]
    said = [index_annotations(side.root, side.opened.open_blob) for side in (first, second)]
    return Members(changes(*said), members_changes(*listed), (_called(one), _called(two)), (one.digest, two.digest))


def _called(facts: ImageFacts) -> str:
    return facts.platform if not facts.artifact_type else f"artifact {facts.artifact_type}"


def _open_questions(files: Sequence[FileChange]) -> Iterator[str]:
    uncompared = sum("content?" in file.what for file in files)
    if uncompared:
        shown = "one file" if uncompared == 1 else f"{uncompared} files"
        yield f"not fetched to compare the content: {shown} of the same size on both sides; --deep reads all"
    linked = sum("link?" in file.what for file in files)
    if linked:
        shown = "one hard link leads" if linked == 1 else f"{linked} hard links lead"
        yield f"not compared: {shown} into a layer that both share and that was not read: --deep reads all"


def _settings(facts: ImageFacts) -> dict[str, str]:
    """The config as names and texts: one a variable, a port, a label."""
    process = facts.process
    found = {
        "platform": facts.platform,
        "created": facts.created,
        "artifact type": facts.artifact_type,
        "base": " ".join(facts.base.values()),
        "user": process.get("User"),
        "folder": process.get("WorkingDir"),
        "entrypoint": process.get("Entrypoint"),
        "command": process.get("Cmd"),
        "shell": process.get("Shell"),
        "stop signal": process.get("StopSignal"),
        "health check": process.get("Healthcheck"),
    }
    for row in rows_of(process, "Env"):
        name, _, value = row.partition("=")
        found[f"env {name}"] = value or '""'
    found |= {f"port {port}": "open" for port in names_of(process, "ExposedPorts")}
    found |= {f"volume {path}": "declared" for path in names_of(process, "Volumes")}
    found |= {f"label {key}": value or '""' for key, value in facts.labels.items()}
    found |= {f"annotation {key}": value or '""' for key, value in facts.annotations.items()}
    return {key: _text(value) for key, value in found.items() if value}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _packages(
    left: Side, right: Side, shownleft: Mapping[str, File], shownright: Mapping[str, File], partial: bool
) -> tuple[dict[str, tuple[Change, ...]], list[str]]:
    """Changes by kind of package, and what could not be told."""
    notes = []
    hidden = partial and (_STATUS in shownleft) != (_STATUS in shownright)
    if hidden:
        notes.append(
            f"Debian packages are not compared: one of the images has its list, '{_STATUS}', in a layer that both "
            "share and that was not read: --deep reads all"
        )
    found = {}
    for ecosystem in ("python", "debian"):
        skipped = {_STATUS} if hidden else set()
        one, two = (
            _versions(side, files, ecosystem, skipped) for side, files in ((left, shownleft), (right, shownright))
        )
        if changed := changes(one, two):
            found[ecosystem] = changed
    return found, notes


def _versions(side: Side, files: Mapping[str, File], ecosystem: str, skipped: set[str]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for path, file in files.items():
        if path not in skipped and ecosystem_of(path) == ecosystem:
            for name, version in side.packages.get(file.place, ()):
                found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _files(
    left: Side, right: Side, shownleft: Mapping[str, File], shownright: Mapping[str, File]
) -> Iterator[FileChange]:
    for path in {*shownleft, *shownright}:
        one, two = shownleft.get(path), shownright.get(path)
        if one and two:
            what = tuple(_changed(left, right, one, two))
            if what:
                yield FileChange(path, _size(one), _size(two), what, (_target(one), _target(two)))
        elif one and one.kind != "d":
            yield FileChange(path, _size(one), None, targets=(_target(one), ""))
        elif two and two.kind != "d":
            yield FileChange(path, None, _size(two), targets=("", _target(two)))


def _target(file: File) -> str:
    return file.target if file.kind == "l" else ""


def _size(file: File) -> int:
    return UNKNOWN if file.kind == "h" else file.size


def _changed(left: Side, right: Side, one: File, two: File) -> Iterator[str]:
    if "h" in (one.kind, two.kind) and (one.kind, one.target) != (two.kind, two.target):
        yield "link?"
        return
    if one.kind != two.kind:
        yield "type"
        return
    if one.mode != two.mode:
        yield "mode"
    if one.target != two.target:
        yield "target"
    if one.kind != "-":
        return
    mine, theirs = left.digests.get(one.place), right.digests.get(two.place)
    if one.size != two.size or (mine and theirs and mine != theirs):
        yield "content"
    elif one.size and not (mine and theirs):
        yield "content?"


def _whiteouts(left: Side, right: Side) -> Iterator[FileChange]:
    """What one side takes out of a shared layer: how large it was, only that layer could tell."""
    shownleft, shownright = left.files(), right.files()
    for path in left.root.removed - right.root.removed - set(shownleft) - set(shownright):
        yield FileChange(path, None, UNKNOWN, ("whiteout",))
    for path in right.root.removed - left.root.removed - set(shownleft) - set(shownright):
        yield FileChange(path, UNKNOWN, None, ("whiteout",))
