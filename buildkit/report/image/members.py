"""`mbuild image inspect` of an index: its members → lines, or plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from buildkit.digest import size_text
from buildkit.images.members import IndexMember
from buildkit.oci.descriptor import Descriptor
from buildkit.report.image.text import named, printable, table


def members_lines(members: Sequence[IndexMember], said: Mapping[str, str]) -> list[str]:
    """What the index says of itself; a line for each member, and for each annotation of one."""
    rows = [
        [printable(name), str(found.digest), size_text(found.digest.size), printable(found.media_type)]
        for name, found in ((one.name, one.descriptor) for one in members)
    ]
    lines = [f"{printable(key)} = {printable(value)}" for key, value in sorted(said.items())]
    for one, row in zip(members, table(rows, right=(2,)), strict=True):
        lines.append(row)
        lines += [f"  {printable(key)} = {printable(value)}" for key, value in one.descriptor.annotations]
    return lines


def index_lines(name: str, root: Descriptor, members: Sequence[str]) -> Iterator[str]:
    """An index without an image to tell more of."""
    yield from named([("image", [printable(name)]), ("index", [str(root.digest)]), ("members", members)])


def index_data(name: str, root: Descriptor) -> dict[str, Any]:
    """The same as plain data."""
    return {"image": name, "digest": str(root.digest), "mediaType": root.media_type, "index": str(root.digest)}


def members_data(members: Sequence[IndexMember], said: Mapping[str, str]) -> dict[str, Any]:
    """The same as plain data, to stand beside the image's own."""
    return {
        "indexSays": dict(said),
        "members": [
            {
                "name": one.name,
                "digest": str(one.descriptor.digest),
                "size": one.descriptor.digest.size,
                "mediaType": one.descriptor.media_type,
                "artifactType": one.descriptor.artifact_type or None,
                "platform": one.descriptor.platform_text or None,
                "annotations": dict(one.descriptor.annotations),
            }
            for one in members
        ],
    }
