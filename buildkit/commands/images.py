"""What a person names as an image → its root and its blobs, read where they lie.

In: `//models:fraud`, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]` or
`HOST/REPOSITORY[:TAG][@DIGEST]`. Out: `OpenedImage`. Targets are built first; of a registry only the root is read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from buildkit.commands.build import build_analyzed, media_type_of
from buildkit.commands.graph import analysis, one_target
from buildkit.commands.origins import open_built
from buildkit.commands.registries import pulled_from
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.oci.archive_reader import ArchiveReader
from buildkit.oci.compression import Readable
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.image import OpenedImage
from buildkit.oci.layout_reader import LayoutReader
from buildkit.reference import Reference
from buildkit.registry import Document, Registry

FORMS = "//package:target, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or HOST/REPOSITORY:TAG"


def named(registry: Registry, place: Reference) -> Document:
    """The manifest that a reference names now. Raises BuildFailure if there is none."""
    meant = place if place.digest or place.tag else replace(place, tag="latest")
    found = registry.manifest(place.repository, meant.digest or meant.tag or "")
    if found is None:
        why = "" if meant is place else "without a tag :latest is meant; "
        raise BuildFailure(f"'{meant}' does not exist", hint=f"{why}see 'mbuild tags {place.host}/{place.repository}'")
    return found


def open_image(session: Session, text: str, *, plain_http: bool = False) -> OpenedImage:
    """Open what `text` names. Raises BuildError for what names no image, BuildFailure for one that lies."""
    kind, _, rest = text.partition(":")
    if kind == "oci" and rest:
        return _layout(session, text, rest)
    if kind in ("oci-archive", "docker-archive") and rest:
        return _archive(session, text, kind, rest)
    if is_reference(text):
        return _remote(session, text, plain_http)
    return _target(session, text)


def is_reference(text: str) -> bool:
    """Whether a text is meant as an image in a registry: its first part is a host."""
    host, slash, _ = text.partition("/")
    begins = bool(slash and host) and not text.startswith((":", "@", "."))
    return begins and ("." in host or ":" in host or host == "localhost")


def is_target(text: str) -> bool:
    """Whether a text is meant as a target, and not as a place where an image lies."""
    return not text.startswith(("oci:", "oci-archive:", "docker-archive:")) and not is_reference(text)


def _layout(session: Session, text: str, rest: str) -> OpenedImage:
    path, tag = _path_and_tag(session, text, rest)
    if not path.is_dir():
        raise BuildError(
            f"'{text}': '{path}' is no folder", hint="an OCI image layout is a folder; see oci-archive:FILE"
        )
    with _told(text):
        reader = LayoutReader(path)
        return OpenedImage(reader.root(tag), reader.open, text)


def _archive(session: Session, text: str, kind: str, rest: str) -> OpenedImage:
    path, tag = _path_and_tag(session, text, rest)
    if not path.is_file():
        raise BuildError(f"'{text}': '{path}' is no file", hint=f"{kind} is a tar file; a folder is oci:DIR")
    with _told(text):
        reader = ArchiveReader(path, kind)
        return OpenedImage(reader.root(tag), reader.open, text)


@contextmanager
def _told(text: str) -> Iterator[None]:
    """Damage is told with the place where it is, unless its message names that."""
    try:
        yield
    except BuildFailure as failure:
        place = text.split(":")[1]
        raise failure if place in failure.message else failure.noted(f"in '{text}'") from None


def _path_and_tag(session: Session, text: str, rest: str) -> tuple[Path, str]:
    """The longest beginning that is there; what follows its colon is the tag."""
    beginning, tag = rest, ""
    while beginning:
        path = session.options.directory / beginning
        if path.exists():
            return path, tag
        beginning, colon, last = beginning.rpartition(":")
        tag = f"{last}:{tag}" if tag else last
        if not colon:
            break
    raise BuildError(f"'{text}': there is no '{rest}'", hint=f"an image is {FORMS}")


def _target(session: Session, text: str) -> OpenedImage:
    if not text.startswith(("//", ":", "@")) and not _may_be_label(session, text):
        raise BuildError(f"'{text}' is no image", hint=_kind_hint(session, text) or f"an image is {FORMS}")
    analyzed = analysis(session, [text])
    configured = one_target(analyzed, text)
    if configured.manifest is None:
        raise BuildError(f"'{configured.label}' is not an image", hint=f"an image is {FORMS}")
    result = build_analyzed(session, analyzed, [configured]).checked()
    digest = result.execution.digests[configured.manifest]
    root = Descriptor(media_type_of(session.store.read(digest)), digest)
    return OpenedImage(root, open_built(session, analyzed), str(configured.label), platform=analyzed.platform)


def _may_be_label(session: Session, text: str) -> bool:
    """Whether a text without `//` may name a target: it is no path, and what its colon follows is a folder."""
    package, colon, _ = text.partition(":")
    is_path = text.startswith((".", "/")) or bool(_kind_hint(session, text))
    return not is_path and (not colon or (session.options.directory / package).is_dir())


def _kind_hint(session: Session, text: str) -> str | None:
    """What to write for the path of a layout or archive that was given without its kind."""
    path = session.options.directory / text
    if (path / "oci-layout").is_file():
        return f"write 'oci:{text}'"
    if path.suffix == ".tar" and path.is_file():
        return f"write 'oci-archive:{text}' or 'docker-archive:{text}'"
    return None


def _remote(session: Session, text: str, plain_http: bool) -> OpenedImage:
    reference = Reference.parse(text)
    session.needs_network(f"reading '{reference}'")
    source = _Repository(pulled_from(session, reference.host, plain_http), reference)
    return OpenedImage(source.root(), source.open, text, local=False)


class _Repository:
    """A repository's blobs, of which those that are manifests are asked for in another way."""

    def __init__(self, registry: Registry, reference: Reference) -> None:
        self._registry = registry
        self._reference = reference
        self._documents: dict[str, bytes | None] = {}

    def root(self) -> Descriptor:
        found = named(self._registry, self._reference)
        self._note(found.digest, found.data)
        return Descriptor(found.media_type, found.digest)

    @contextmanager
    def open(self, digest: Digest, /, offset: int = 0, length: int | None = None) -> Iterator[Readable]:
        if str(digest) in self._documents:
            data = self._document(digest)
            yield io.BytesIO(data[offset : None if length is None else offset + length])
        else:
            with self._registry.open_blob(self._reference.repository, digest, offset, length) as source:
                yield source

    def _document(self, digest: Digest) -> bytes:
        known = self._documents[str(digest)]
        if known is None:
            found = self._registry.manifest(self._reference.repository, str(digest))
            if found is None:
                raise BuildFailure(f"'{self._reference}' names the manifest {digest}, which the registry lacks")
            known = self._note(digest, found.data)
        return known

    def _note(self, digest: Digest, data: bytes) -> bytes:
        """Keep a document, and which others it names."""
        self._documents[str(digest)] = data
        try:
            rows = json.loads(data)["manifests"]
            for row in rows:
                self._documents.setdefault(row["digest"], None)
        except (ValueError, KeyError, TypeError, RecursionError):  # no index; who reads it says what is wrong
            pass
        return data
