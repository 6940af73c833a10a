"""The name of an image in a registry → the documents of its platforms.

In: `{"image": "registry.example/base:1", "digest": "", "platforms": []}` and the image's registry. Out: a `Lock` with
the index (if there is one), and of each platform the manifest and config, in the bytes that the registry gave and that
their digests name. No layer is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.events import Listener, Progress
from buildkit.graph.image_documents import (
    INDEXES,
    LARGEST,
    LockedDocument,
    LockedImage,
    config_platform,
    descriptor,
    locked_image,
    parsed,
    parsed_config,
    parsed_manifest,
)
from buildkit.graph.image_lock import BaseImages, base_images
from buildkit.graph.lockfile import Lock, request_key
from buildkit.records import dataclass
from buildkit.reference import Reference

PLATFORMS = ("linux/amd64", "linux/arm64")  # those that mbuild builds for
_USUAL = ("", "v1", "v8")  # variants that every processor of its architecture is
_REFERENCE_TYPE = "vnd.docker.reference.type"


class Reader(Protocol):
    """Bytes in order."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class Served(Protocol):
    """A manifest or an index as a registry gave it."""

    @property
    def data(self) -> bytes:
        """Its bytes."""

    @property
    def media_type(self) -> str:
        """What the registry says that it is."""


class Registry(Protocol):
    """What locking asks of a registry, which verifies all that it gives."""

    def manifest(self, repository: str, name: str) -> Served | None:
        """The manifest of a tag or digest, or None."""
        ...

    def open_blob(self, repository: str, digest: Digest) -> AbstractContextManager[Reader]:
        """A blob's bytes."""
        ...


@dataclass(frozen=True, slots=True)
class _Choice:
    """One image of an index, as its entry describes it."""

    platform: str
    variant: str
    digest: Digest


def reference_of(request: Mapping[str, object]) -> Reference:
    """The image that a request names, by its digest where it gives one. Raises BuildError."""
    asked = Reference.parse(str(request["image"]))
    digest = str(request.get("digest") or "") or asked.digest
    if asked.digest and digest != asked.digest:
        raise BuildError(f"'{asked}' and the digest {digest} name two images", hint="leave one of the two out")
    if not digest and not asked.tag:
        raise BuildError(f"'{asked}' names no image: expected a tag or a digest", hint=f"write '{asked}:TAG'")
    if digest:
        Digest.parse(digest, 0)
    return Reference(asked.host, asked.repository, asked.tag, digest)


def resolve(request: Mapping[str, object], registry: Registry, *, report: Listener) -> Lock:
    """Resolve a request. Raises BuildError for an image that cannot be a base. Touches the network."""
    reference = reference_of(request)
    try:
        base = _resolve(reference, _platforms(request), _Documents(registry, reference.repository), report)
    except BuildError as fault:
        raise fault.noted(f"while locking '{reference}'") from None
    return Lock("image", request_key("image", request), (), (("resolved from", str(request["image"])),), base)


def _platforms(request: Mapping[str, object]) -> tuple[str, ...]:
    asked = request.get("platforms") or ()
    return tuple(dict.fromkeys(map(str, asked))) if isinstance(asked, Sequence) and not isinstance(asked, str) else ()


class _Documents:
    """The documents of one repository."""

    def __init__(self, registry: Registry, repository: str) -> None:
        self._registry, self._repository = registry, repository

    def manifest(self, name: str, what: str) -> LockedDocument:
        """A manifest or an index, by tag or digest."""
        found = self._registry.manifest(self._repository, name)
        if found is None:
            raise BuildError(f"the registry has no {what}", hint="check the name, and whether you may read it")
        return LockedDocument(found.media_type.partition(";")[0].strip(), found.data)

    def config(self, row: Mapping[str, Any]) -> LockedDocument:
        """The config that a manifest names."""
        digest = descriptor(row, "config of the manifest")
        if digest.size > LARGEST:
            raise BuildError(f"unfit as a base image: config has {digest.size} bytes, more than {LARGEST}")
        with self._registry.open_blob(self._repository, digest) as reader:
            data = b"".join(iter(lambda: reader.read(1 << 16), b""))
        return LockedDocument(str(row.get("mediaType")), data)


def _resolve(reference: Reference, asked: Sequence[str], documents: _Documents, report: Listener) -> BaseImages:
    root = documents.manifest(reference.digest or reference.tag or "", f"image '{reference}'")
    if reference.digest and str(root.digest) != reference.digest:
        raise BuildError(f"the registry gave {root.digest} for {reference.digest}")
    if root.media_type not in INDEXES:
        return base_images(None, [_single(root, asked, documents)])
    choices = tuple(_choices(parsed(root, "index")))
    wanted = asked or _offered(choices)
    images = []
    for done, platform in enumerate(wanted):
        report(Progress(f"reading {reference}", done, len(wanted)))
        choice = _chosen(choices, platform)
        manifest = documents.manifest(str(choice.digest), f"manifest {choice.digest}")
        images.append(_image(platform, manifest, documents))
    return base_images(root, images)


def _single(manifest: LockedDocument, asked: Sequence[str], documents: _Documents) -> LockedImage:
    config = documents.config(parsed_manifest(manifest)["config"])
    platform = config_platform(parsed_config(config))
    if list(asked) not in ([], [platform]):
        raise _no_platform(next(one for one in asked if one != platform), [platform])
    return locked_image(platform, manifest, config)


def _image(platform: str, manifest: LockedDocument, documents: _Documents) -> LockedImage:
    return locked_image(platform, manifest, documents.config(parsed_manifest(manifest)["config"]))


def _choices(index: Mapping[str, Any]) -> Iterator[_Choice]:
    """The images of an index; what is said of them (attestations) is passed over."""
    rows = index.get("manifests")
    for row in rows if isinstance(rows, list) else ():
        digest = descriptor(row, "entry of the index")
        platform, notes = row.get("platform"), row.get("annotations")
        if not isinstance(platform, dict) or (isinstance(notes, dict) and _REFERENCE_TYPE in notes):
            continue
        yield _Choice(config_platform(platform), str(platform.get("variant") or ""), digest)


def _offered(choices: Iterable[_Choice]) -> tuple[str, ...]:
    offered = {choice.platform for choice in choices}
    found = tuple(platform for platform in PLATFORMS if platform in offered)
    if not found:
        raise _no_platform(" or ".join(PLATFORMS), sorted(offered))
    return found


def _chosen(choices: Sequence[_Choice], platform: str) -> _Choice:
    """The first of a platform, as the image specification asks; one for every processor of it before others."""
    found = [choice for choice in choices if choice.platform == platform]
    if not found:
        raise _no_platform(platform, sorted({choice.platform for choice in choices}))
    return next((choice for choice in found if choice.variant in _USUAL), found[0])


def _no_platform(platform: str, offered: Sequence[str]) -> BuildError:
    shown = ", ".join(offered) or "none"
    return BuildError(f"the image is not for {platform}", hint=f"its platforms are: {shown}")
