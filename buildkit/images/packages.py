"""Files that package managers leave in an image → which packages it has, and their versions.

In: paths and contents. Out: versions by package. Python: `*.dist-info/METADATA`. Debian: `var/lib/dpkg/status` and the
files of `var/lib/dpkg/status.d` (distroless images). Contents are others': what cannot be read names no package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LARGEST = 64 << 20  # bytes of a package manager's file that are read

_METADATA = re.compile(r"(?:.*/)?([^/]+)\.dist-info/METADATA")
_STATUS = "var/lib/dpkg/status"
_STATUS_FOLDER = "var/lib/dpkg/status.d/"


def ecosystem_of(path: str) -> str:
    """`python` or `debian` for a file that tells of packages, else ''."""
    if _METADATA.fullmatch(path):
        return "python"
    inner = path.removeprefix(_STATUS_FOLDER)
    if path == _STATUS or (inner != path and "/" not in inner and not inner.endswith(".md5sums")):
        return "debian"
    return ""


def packages_of(path: str, content: bytes) -> Iterator[tuple[str, str]]:
    """(package, version) that a file tells of."""
    text = content.decode("utf-8", "replace")
    if found := _METADATA.fullmatch(path):
        fields = _fields(text.split("\n\n", 1)[0])
        name, _, version = found[1].partition("-")
        yield _normal(fields.get("name") or name), fields.get("version") or version
        return
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        # 'deinstall ok config-files' is what a removed package leaves behind.
        if fields.get("package") and fields.get("status", "install ok installed").endswith(" installed"):
            yield fields["package"], fields.get("version", "")


def _fields(stanza: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in stanza.splitlines():
        name, colon, value = line.partition(":")
        if colon and name and not name[0].isspace():
            found.setdefault(name.lower(), value.strip()[:200])
    return found


def _normal(name: str) -> str:
    """A Python project's name as the packaging specifications compare it.

    >>> _normal("Foo._Bar")
    'foo-bar'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
