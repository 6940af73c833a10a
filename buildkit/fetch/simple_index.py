"""The simple index of Python packages (PEP 503 and 691), and find-links: which files there are, and where.

In: an index's or folder's address and a project's name. Out: `Link`s. Touches the network, or local folders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from buildkit.errors import EnvironmentFault
from buildkit.fetch.address import file_name, host, joined, local_path
from buildkit.fetch.network import Absent, Network, receive
from buildkit.records import dataclass

if TYPE_CHECKING:
    import requests

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_HINT = "check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name"


@dataclass(frozen=True, slots=True)
class Link:
    """One file that an index or folder offers, with what the index says of it."""

    filename: str
    url: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None


def project_links(index: str, project: str, network: Network) -> tuple[Link, ...]:
    """The files of one project (normalized name) in a simple index; none where the index does not know it."""
    page = f"{index.rstrip('/')}/{project}/"
    folder = local_path(page)
    if folder is None:
        return _remote_links(page, f"the index page of '{project}'", network)
    document = folder / "index.html"
    return _html_links(document.read_text(encoding="utf-8"), document.as_uri()) if document.is_file() else ()


def found_links(place: str, network: Network) -> tuple[Link, ...]:
    """The files of a find-links place: a folder, an HTML file or a page. A folder that is not there has none."""
    path = local_path(place)
    if path is None:
        return _remote_links(place, "the find-links page", network)
    if path.is_dir():
        files = sorted(member for member in path.iterdir() if member.suffix == ".whl")
        return tuple(Link(file.name, file.absolute().as_uri()) for file in files)
    if path.is_file():
        return _html_links(path.read_text(encoding="utf-8"), path.absolute().as_uri())
    return ()


def _remote_links(page: str, subject: str, network: Network) -> tuple[Link, ...]:
    def read(response: requests.Response) -> tuple[str, str, bytes]:
        return response.url, response.headers.get("Content-Type", ""), response.content

    try:
        url, kind, body = receive(network, page, read, subject=subject, hint=_HINT, headers={"Accept": _ACCEPT})
    except Absent:
        return ()
    if "@" in urlsplit(page).netloc and urlsplit(url).netloc == host(page):
        url = page  # keep the index's credentials for files of the same host
    try:
        if "json" in kind:
            return tuple(_json_link(row, url) for row in json.loads(body)["files"])
        return _html_links(body.decode("utf-8", "replace"), url)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        message = f"cannot read {subject} from {host(page)}: it is not an index page of PEP 503 or PEP 691"
        raise EnvironmentFault(message, hint=_HINT) from fault


def _json_link(row: Mapping[str, object], page: str) -> Link:
    hashes, size, python = row.get("hashes"), row.get("size"), row.get("requires-python")
    return Link(
        str(row["filename"]),
        joined(page, str(row["url"])),
        str(hashes["sha256"]) if isinstance(hashes, dict) and "sha256" in hashes else None,
        size if isinstance(size, int) else None,
        python if isinstance(python, str) else None,
    )


def _html_links(text: str, page: str) -> tuple[Link, ...]:
    parser = _Anchors()
    parser.feed(text)
    base = joined(page, parser.base) if parser.base else page
    return tuple(_html_link(attributes, base) for attributes in parser.anchors)


def _html_link(attributes: Mapping[str, str | None], base: str) -> Link:
    url = joined(base, attributes["href"] or "")
    sha256 = parse_qs(urlsplit(url).fragment).get("sha256", [None])[0]
    return Link(file_name(url), url.partition("#")[0], sha256, None, attributes.get("data-requires-python"))


class _Anchors(HTMLParser):
    """Collects the anchors of a page, and its base."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "base" and not self.base:
            self.base = attributes.get("href") or ""
        if tag == "a" and attributes.get("href"):
            self.anchors.append(attributes)


def local_file(url: str) -> Path | None:
    """The readable local file that a link names, or None for one that needs a network."""
    path = local_path(url)
    return path if path and path.is_file() else None
