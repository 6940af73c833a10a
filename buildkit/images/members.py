"""An index → its members, by names that people know: platforms, artifacts, what is said of other images.

In: a root descriptor and how to open blobs. Out: `IndexMember`s, those of indexes in the index too; how lists differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from buildkit.images.difference import Change, changes
from buildkit.oci.blobs import OpenPart
from buildkit.oci.descriptor import INDEXES, Descriptor
from buildkit.oci.image import manifests_of, read_index
from buildkit.records import dataclass

_ABOUT = "vnd.docker.reference."


@dataclass(frozen=True, slots=True)
class IndexMember:
    """A manifest that an index lists; `name` is its alone in the index."""

    name: str
    descriptor: Descriptor


def members_of(root: Descriptor, open_blob: OpenPart) -> tuple[IndexMember, ...]:
    """The members of an index, in its order; none of what is no index. BuildFailure for an index that is damaged."""
    if root.media_type not in INDEXES:
        return ()
    found = manifests_of(root, open_blob)
    platforms = {str(one.digest): one.platform_text for one in found}
    count: dict[str, int] = {}
    members = []
    for one in found:
        name = _name(one, platforms)
        count[name] = count.get(name, 0) + 1
        members.append(IndexMember(name if count[name] == 1 else f"{name} #{count[name]}", one))
    return tuple(members)


def _name(descriptor: Descriptor, platforms: dict[str, str]) -> str:
    said = dict(descriptor.annotations)
    if kind := said.get(f"{_ABOUT}type"):
        about = said.get(f"{_ABOUT}digest", "")
        return f"{kind} of {platforms.get(about) or about or 'nothing'}"
    if descriptor.artifact_type:
        return f"artifact {descriptor.artifact_type}"
    return descriptor.platform_text or "unnamed"


def members_changes(before: Iterable[IndexMember], after: Iterable[IndexMember]) -> tuple[Change, ...]:
    """Which members were added, removed, or are another manifest; what the index says of them counts too."""
    one, two = ({member.name: _said(member.descriptor) for member in members} for members in (before, after))
    return changes(one, two)


def index_annotations(root: Descriptor, open_blob: OpenPart) -> dict[str, str]:
    """What an index says of itself, its artifact type too; nothing for what is no index."""
    if root.media_type not in INDEXES:
        return {}
    index = read_index(root, open_blob)
    told = {f"annotation {key}": value or '""' for key, value in index.annotations}
    return told | ({"artifact type": index.artifact_type} if index.artifact_type else {})


def _said(descriptor: Descriptor) -> str:
    told = dict(descriptor.annotations)
    more = [json.dumps(told, ensure_ascii=False, sort_keys=True)] if told else []
    return " ".join([str(descriptor.digest), *more])
