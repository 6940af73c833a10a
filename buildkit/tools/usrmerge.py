"""Debian's merged /usr: where the paths of packages that still ship `/lib` or `/bin` belong.

In: paths and symlink targets of a package. Out: the same below `usr/`. The four links at the root are the layer's own.
"""

from __future__ import annotations

import posixpath

MERGED = ("bin", "lib", "lib64", "sbin")
_OTHERS = ("lib32", "libo32", "libx32")


def place(path: str) -> str:
    """Where a path belongs: 'lib/x' is 'usr/lib/x'.

    >>> place("lib64/ld-linux-x86-64.so.2")
    'usr/lib64/ld-linux-x86-64.so.2'
    """
    return f"usr/{path}" if path.split("/", 1)[0] in (*MERGED, *_OTHERS) else path


def target(path: str, text: str) -> str:
    """What a symlink that was at `path` must say at `place(path)` to lead where it led.

    >>> target("lib/a.so", "../usr/lib/b.so"), target("lib/a.so", "b.so"), target("usr/lib/a.so", "../../lib/b.so")
    ('/usr/lib/b.so', 'b.so', '../../lib/b.so')
    """
    if text.startswith("/") or place(path) == path:
        return text
    # A moved link that leaves its own top folder by way of the root would now end one folder too high.
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), text))
    inside = reached.split("/", 1)[0] == path.split("/", 1)[0]
    return text if inside and not _touches_root(path, text) else "/" + place(reached.removeprefix("../"))


def _touches_root(path: str, text: str) -> bool:
    depth = path.count("/")
    for part in text.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth <= 0 and part == "..":
            return True
    return False


def relocated(path: str, text: str) -> tuple[str, str] | None:
    """Place and target of a member (`text` is "" for what is no symlink); None for a link that now leads to itself.

    >>> relocated("lib", "usr/lib"), relocated("bin/sh", "dash")
    (None, ('usr/bin/sh', 'dash'))
    """
    if not text:
        return place(path), ""
    placed, new = place(path), target(path, text)
    reached = posixpath.normpath(posixpath.join("/", posixpath.dirname(placed), new)).lstrip("/")
    return None if place(reached) == placed else (placed, new)
