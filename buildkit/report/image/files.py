"""`mbuild image files`: files of an image → lines, or plain data for JSON; one at a time."""

from __future__ import annotations

import stat
from typing import Any

from buildkit.images.merged import File
from buildkit.report.image.text import printable

_TYPES = {"d": stat.S_IFDIR, "l": stat.S_IFLNK, "c": stat.S_IFCHR}


def file_line(file: File) -> str:
    """Mode, size in bytes, number of the layer, path, and where a link leads."""
    mode = stat.filemode(_TYPES.get(file.kind, stat.S_IFREG) | file.mode)
    arrow = {"l": " -> ", "h": " = "}.get(file.kind)
    return f"{mode} {file.size:>12} {file.layer:>3} {printable(file.path + (arrow + file.target if arrow else ''))}"


def file_data(file: File) -> dict[str, Any]:
    """A file as plain data."""
    kinds = {"d": "directory", "l": "symlink", "h": "hard link", "c": "device"}
    data = {
        "path": file.path,
        "type": kinds.get(file.kind, "file"),
        "mode": f"{file.mode:04o}",
        "size": file.size,
        "layer": file.layer,
    }
    return data | ({"target": file.target} if file.target else {})
