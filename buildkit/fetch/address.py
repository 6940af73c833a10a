"""Addresses of files: what of a URL may be shown, and which URLs are paths of this machine.

In: URLs and paths from configurations. Out: text for messages without credentials, paths, absolute URLs.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from buildkit.errors import BuildError


def shown(url: str) -> str:
    """A URL as messages may show it: without credentials, query and fragment.

    >>> shown("https://user:secret@host.example/simple/?token=1#x")
    'https://host.example/simple/'
    """
    parts = _split(url)
    if not parts.netloc:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def host(url: str) -> str:
    """Who serves a URL, for messages: host and port, or the path of a local one."""
    parts = _split(url)
    return str(local_path(url) or parts.netloc.rpartition("@")[2] or url)


def local_path(url: str) -> Path | None:
    """The path that a `file:` URL or a bare path names, or None for what needs a network."""
    parts = _split(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    try:
        return Path(url).expanduser() if not parts.scheme else None
    except RuntimeError:
        raise BuildError(f"'{url}' is no path of this machine: there is no such user") from None


def joined(base: str, link: str) -> str:
    """The absolute URL of a link on the page `base`; credentials stay with files of the same host."""
    url = urljoin(base, link)
    there, here = urlsplit(url), urlsplit(base)
    if "@" in here.netloc and there.netloc == here.netloc.rpartition("@")[2] and there.scheme == here.scheme:
        url = urlunsplit(there._replace(netloc=here.netloc))
    return url


def file_name(url: str) -> str:
    """The last part of a URL's path, unquoted."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Where its credentials are cannot be told, so what may be some is left out.
        rest = url.rpartition("@")[2].partition("?")[0]
        raise BuildError(
            f"'{rest}' is not an address", hint="write a URL such as 'https://host.example/file'"
        ) from None
