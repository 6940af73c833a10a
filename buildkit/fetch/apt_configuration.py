"""apt's configuration: which mirrors this machine uses.

In: the folder `/etc/apt`. Out: mirror addresses in apt's order. Reads one-line lists, deb822 files, and mirror lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

_ONE_LINE = re.compile(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+\S+")


def apt_mirrors(folder: Path = Path("/etc/apt")) -> tuple[str, ...]:
    """The http(s) and file mirrors that apt installs packages from; none on a machine without apt."""
    addresses = (address for file in _files(folder) for address in _addresses(file))
    expanded = (url for address in addresses for url in _expanded(address))
    usable = (url.rstrip("/") for url in expanded if urlsplit(url).scheme in ("http", "https", "file"))
    return tuple(dict.fromkeys(usable))


def _files(folder: Path) -> Iterator[Path]:
    yield folder / "sources.list"
    parts = folder / "sources.list.d"
    if parts.is_dir():
        yield from sorted(path for path in parts.iterdir() if path.suffix in (".list", ".sources"))


def _addresses(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if file.suffix == ".sources":
        for stanza in re.split(r"\n\s*\n", text):
            yield from _deb822(stanza)
    else:
        yield from (match.group(1) for line in text.splitlines() if (match := _ONE_LINE.match(line.strip())))


def _deb822(stanza: str) -> Iterator[str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = fields.get(name, "") + " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
        yield from fields.get("uris", "").split()


def _expanded(address: str) -> Iterator[str]:
    """Clouds' images name mirrors by a file of their own: `mirror+file:/etc/apt/mirrors/debian.list`."""
    if not address.startswith("mirror+file:"):
        yield address
        return
    try:
        lines = Path(urlsplit(address).path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    yield from (line.split()[0] for line in lines if line.strip() and not line.startswith("#"))
