"""The one wheel of a pinned package that a platform gets, and what a lock says of it.

In: a `Pinned`, a platform, indexes and places. Out: a `Locked` entry with the alias of the index that served it.
Touches the network, and reads local wheels.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.fetch.address import file_name, shown
from buildkit.fetch.network import Absent, Network, receive
from buildkit.fetch.simple_index import Link, found_links, local_file, project_links
from buildkit.fetch.sources import PackageIndex
from buildkit.graph.lockfile import LockEntry
from buildkit.lock.platform import PythonPlatform
from buildkit.lock.resolver import Pinned
from buildkit.records import dataclass

if TYPE_CHECKING:
    import requests

_HINT = "check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name"


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock's entry, and which of the machine's indexes (by alias) served it."""

    entry: LockEntry
    alias: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Everything that may offer a wheel, in the order in which uv asks."""

    indexes: tuple[PackageIndex, ...]
    places: tuple[PackageIndex, ...]
    network: Network


def locked_wheel(pinned: Pinned, platform: PythonPlatform, tags: dict[Tag, int], shelf: Shelf) -> Locked:
    """Choose, check and measure. Raises BuildError if no wheel fits or the chosen one refuses the Python version."""
    url = _best(pinned, platform, tags)
    alias, link = _offered(pinned, url, shelf)
    link = _measured(link, shelf.network)
    _check_python(pinned, link, platform)
    if link.sha256 is None or link.size is None:
        raise EnvironmentFault(f"'{link.filename}' has neither size nor sha256 at {shown(url)}", hint=_HINT)
    return Locked(LockEntry(pinned.name, pinned.version, link.filename, link.size, link.sha256), alias)


def _best(pinned: Pinned, platform: PythonPlatform, tags: dict[Tag, int]) -> str:
    ranked = sorted((rank, url) for url in pinned.urls if (rank := _rank(file_name(url), tags)))
    if not ranked:
        wheels = tuple(f"there is {file_name(url)}" for url in pinned.urls)
        message = f"no wheel of '{pinned.name}' {pinned.version} fits Python {platform.python} on {platform.uv_name}"
        raise BuildError(message, notes=wheels, hint="require another version, or put a wheel into a find-links folder")
    return ranked[0][1]


def _rank(filename: str, tags: dict[Tag, int]) -> tuple[int, int, str] | None:
    """Pip's order: the best tag first, then the highest build number. None for what does not fit."""
    try:
        _, _, build, own = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return None
    ranks = [tags[tag] for tag in own if tag in tags]
    return (min(ranks), -build[0] if build else 0, build[1] if build else "") if ranks else None


def _offered(pinned: Pinned, url: str, shelf: Shelf) -> tuple[str, Link]:
    """Who offers this very file, and what they say of it; uv tells neither Requires-Python nor the index."""
    name = file_name(url)
    for place in shelf.places:
        for link in found_links(place.url, shelf.network):
            if link.filename == name and shown(link.url) == shown(url):
                return place.alias, link
    first_last = sorted(shelf.indexes, key=lambda index: index.alias == "index")
    for index in first_last:
        for link in project_links(index.url, pinned.name, shelf.network):
            if link.filename == name and shown(link.url) == shown(url):
                return index.alias, link
    raise EnvironmentFault(
        f"no index offers '{name}' any more, which uv has just chosen", hint="run 'mbuild lock' again"
    )


def _measured(link: Link, network: Network) -> Link:
    """The link with size and sha256; where the index does not tell both, the wheel itself is read."""
    path = local_file(link.url)
    if path is not None:
        return _measured_file(link, path)
    if link.sha256 and link.size is not None:
        return link
    with tempfile.TemporaryDirectory(prefix="mbuild-lock-") as scratch:
        path = Path(scratch) / "wheel"
        _download(link, path, network)
        return _measured_file(link, path)


def _download(link: Link, path: Path, network: Network) -> None:
    def save(response: requests.Response) -> None:
        with path.open("wb") as file:
            for chunk in response.iter_content(1 << 18):
                file.write(chunk)

    try:
        receive(network, link.url, save, subject=f"'{link.filename}'", hint=_HINT)
    except Absent:
        raise EnvironmentFault(f"nobody serves '{link.filename}'", notes=(f"asked {shown(link.url)}",)) from None


def _measured_file(link: Link, path: Path) -> Link:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if link.sha256 not in (None, sha256):
        message = f"'{link.filename}' is not the file that its index names"
        notes = (f"expected sha256:{link.sha256}", f"found    sha256:{sha256}", f"from     {shown(link.url)}")
        raise BuildFailure(message, notes=notes, hint="find out who changed the file")
    python = link.requires_python or _metadata_python(link.filename, path)
    return replace(link, sha256=sha256, size=path.stat().st_size, requires_python=python)


def _metadata_python(filename: str, path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            text = archive.read(names[0]).decode("utf-8", "replace") if names else ""
    except (zipfile.BadZipFile, OSError, NotImplementedError) as fault:
        raise BuildFailure(f"'{filename}' is not a wheel: {str(fault).lower()}") from fault
    return HeaderParser().parsestr(text).get("Requires-Python")


def _check_python(pinned: Pinned, link: Link, platform: PythonPlatform) -> None:
    if not link.requires_python:
        return
    try:
        fits = SpecifierSet(link.requires_python).contains(platform.full_python, prereleases=True)
    except InvalidSpecifier:
        return  # a field that nobody can read forbids nothing; pip takes it so too
    if not fits:
        raise BuildError(
            f"'{pinned.name}' {pinned.version} requires Python {link.requires_python}, "
            f"the runtime has {platform.python}",
            hint=f"require another version of '{pinned.name}'; uv does not look at upper bounds",
        )


def in_order(found: Sequence[Locked]) -> tuple[LockEntry, ...]:
    """The entries as a lock lists them."""
    return tuple(sorted((locked.entry for locked in found), key=lambda entry: (entry.name, entry.filename)))
