"""Names of images in registries: `host/repository:tag@digest`.

In: what people write on a command line or in a BUILD file. Out: `Reference`, checked against the distribution
specification ("Pulling manifests").
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from buildkit.errors import BuildError, without_login
from buildkit.records import dataclass

_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_FOR_DOCKER = re.compile(f"(?:(?=[^/]*[.:]|localhost/)(?:{_HOST.pattern})/)?{_REPOSITORY.pattern}(?::{_TAG.pattern})?")
_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_LONGEST = 255  # characters of host and repository, which many clients take ("Pulling manifests")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_FORM = "references look like 'host/repository:tag'"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's place in a registry; at least one of `tag` and `digest` is usually given."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `host/repository[:tag][@digest]`; the host is never guessed. Raises BuildError."""
        if (safe := without_login(text)) != text:
            bare = safe.removeprefix("***@")
            if "/" not in bare:
                hint = f"a tag follows a colon, as in 'host/repository:{bare}'" if is_tag(bare) else _FORM
                raise _invalid(safe, f"'{bare}' is not a digest", hint)
            hint = f"write '{bare}', and run 'mbuild login {bare.partition('/')[0]}'"
            raise _invalid(safe, "a reference holds no login", hint)
        rest, at, digest = text.partition("@")
        host, slash, path = rest.partition("/")
        repository, colon, tag = path.partition(":")
        if not slash or not _HOST.fullmatch(host) or not ("." in host or ":" in host or host == "localhost"):
            bare = text.partition("://")[2]
            hint = f"write '{bare}'" if bare else _FORM
            raise _invalid(text, "it must begin with a registry's host", hint)
        if not _is_place(host):
            raise _invalid(text, f"'{host}' is not a host: a port is 65535 at most, an IPv6 address stands in brackets")
        if not _REPOSITORY.fullmatch(repository):
            raise _invalid(text, f"'{repository}' is not a repository name (a-z, 0-9, '.', '_', '-', '/')")
        if (length := len(host) + 1 + len(repository)) > _LONGEST:
            raise _invalid(text, f"host and repository have {length} characters, {_LONGEST} at most")
        if colon and not _TAG.fullmatch(tag):
            raise _invalid(text, f"'{tag}' is not a tag")
        if at and not _DIGEST.fullmatch(digest):
            raise _invalid(text, f"'{digest}' is not a digest")
        if host in _HUB and "/" not in repository:
            repository = f"library/{repository}"  # as docker reads it
        return cls(host, repository, tag or None, digest or None)


def _is_place(host: str) -> bool:
    try:
        return (urlsplit(f"//{host}").port or 0) >= 0
    except ValueError:
        return False


def is_image_name(text: str) -> bool:
    """Whether docker and podman take a text as the name of an image on their machine: `[host/]repository[:tag]`.

    What stands before a slash is a host by its dot or port.
    """
    return bool(_FOR_DOCKER.fullmatch(text))


def is_tag(text: str) -> bool:
    """Whether a text is a tag by itself."""
    return bool(_TAG.fullmatch(text))


def check_tag(text: str) -> str:
    """A tag by itself. Raises BuildError."""
    if not is_tag(text):
        raise BuildError(
            f"'{without_login(text)}' is not a tag", hint="a tag has letters, digits, '_', '.' and '-', 128 at most"
        )
    return text


def _invalid(text: str, why: str, hint: str = _FORM) -> BuildError:
    return BuildError(f"invalid image reference {text!r}: {why}", hint=hint)
