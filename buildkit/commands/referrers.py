"""`mbuild referrers` and `mbuild attach`: what is said of an image in its repository, and one thing more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from buildkit.commands.images import named
from buildkit.commands.registries import registry_of
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.oci.descriptor import Descriptor
from buildkit.reference import Reference
from buildkit.registry.referrers import attach as attach_to
from buildkit.registry.referrers import referrers as listed
from buildkit.registry.registry import OpenBlob

_TITLE = "org.opencontainers.image.title"
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TYPE = re.compile(f"{_NAME}/{_NAME}")


def referrers(
    session: Session, text: str, artifact_type: str, *, plain_http: bool
) -> tuple[Digest, tuple[Descriptor, ...]]:
    """The subject's digest, and what refers to it."""
    place = Reference.parse(text)
    session.needs_network("listing referrers")
    registry = registry_of(session, place.host, plain_http)
    subject = named(registry, place).digest
    return subject, listed(registry, place.repository, subject, artifact_type)


def attach(
    session: Session,
    text: str,
    files: list[str],
    artifact_type: str,
    media_type: str,
    annotations: Mapping[str, str],
    *,
    plain_http: bool,
) -> tuple[Reference, Descriptor]:
    """Push files as something that is said of an image; gives its place and its descriptor."""
    place = Reference.parse(text)
    for word in (artifact_type, media_type):
        _check_type(word)
    _check_titles(files)
    session.needs_network("attaching")
    blobs = []
    for name in files:
        path = session.options.directory / name
        blobs.append((Descriptor(media_type, _digest(path, name), ((_TITLE, path.name),)), _opener(path)))
    registry = registry_of(session, place.host, plain_http)
    found = named(registry, place)
    subject = Descriptor(found.media_type, found.digest)
    return place, attach_to(registry, place.repository, subject, artifact_type, blobs, annotations)


def _check_type(text: str) -> None:
    """Raise BuildError for what is no media type (RFC 6838, section 4.2)."""
    if not _TYPE.fullmatch(text):
        raise BuildError(
            f"'{text}' is not a media type", hint="write one such as 'application/spdx+json': two names and a '/'"
        )


def _check_titles(files: Sequence[str]) -> None:
    """Raise BuildError for two files of one name: whoever pulls them would get the last."""
    by_title: dict[str, str] = {}
    for name in files:
        title = Path(name).name
        if title in by_title:
            raise BuildError(
                f"cannot attach '{by_title[title]}' and '{name}' together: both have the title '{title}'",
                hint="rename one of them, or attach each by itself",
            )
        by_title[title] = name


def _opener(path: Path) -> OpenBlob:
    return lambda: path.open("rb")


def _digest(path: Path, name: str) -> Digest:
    if path.exists() and not path.is_file():  # a pipe would be read twice, and a device has no end
        raise BuildError(f"cannot read '{name}': it is not a file", hint="write what it gives to a file first")
    try:
        with path.open("rb") as file:
            hex = hashlib.file_digest(file, "sha256").hexdigest()
            return Digest(hex, file.tell())
    except OSError as error:
        raise BuildError(f"cannot read '{name}': {(error.strerror or str(error)).lower()}") from error
