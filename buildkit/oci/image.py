"""A root descriptor → one image: its manifest and config, found through indexes, each document checked and bounded.

In: what a source names, how to open blobs, perhaps a platform. Out: `Image`. Raises BuildFailure for documents that
are too large, of an unknown kind, nested too deep, or other than their digest; BuildError where a choice is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.oci.blobs import OpenBlob, OpenPart, read_document
from buildkit.oci.descriptor import INDEXES, MANIFESTS, Descriptor
from buildkit.oci.document import parse_object, string
from buildkit.oci.index import Index
from buildkit.oci.manifest import Manifest
from buildkit.records import dataclass

DEFAULT_PLATFORM = "linux/amd64"
_DEEPEST = 4  # indexes in indexes
_MOST_INDEXES = 64
_REFERENCE = "vnd.docker.reference.type"  # on what says something of another image


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """What a source names: a manifest or an index, and its blobs. It stays open as long as its source does."""

    root: Descriptor
    open_blob: OpenPart
    name: str = ""  # how people call it
    local: bool = True  # reading costs no network
    platform: str = DEFAULT_PLATFORM  # which image of an index is meant, unless another is asked for


@dataclass(frozen=True, slots=True)
class Image:
    """One image: the descriptor of its manifest, both documents as they are, the index that led to it if any."""

    descriptor: Descriptor
    data: bytes
    manifest: Manifest
    config: bytes
    index: Descriptor | None = None


def read_image(opened: OpenedImage, platform: str = "") -> Image:
    """The image of a platform such as `linux/arm64`; by default the source's own, or the only one there is.

    Raises BuildError where there is none for the platform that was asked for.
    """
    descriptor = image_for(opened.root, opened.open_blob, platform, opened.name, opened.platform)
    data = read_manifest(descriptor, opened.open_blob)
    manifest = Manifest.from_json(data)
    config = read_document(manifest.config.digest, opened.open_blob, "config")
    if platform and descriptor == opened.root:
        _check_alone(config, platform, opened.name)
    return Image(descriptor, data, manifest, config, None if descriptor == opened.root else opened.root)


def _check_alone(config: bytes, platform: str, name: str) -> None:
    """Raise BuildError for an image that is for another platform; artifacts, which are for none, fit all."""
    found = parse_object(config, "the image config")
    parts = [found.get(key) for key in ("os", "architecture", "variant")]
    told = "/".join(part for part in parts if part and isinstance(part, str))
    if told not in ("", platform) and not _alike(told, platform):
        what = f"'{name}'" if name else "the image"
        raise BuildError(
            f"{what} is for {_shown(told)}, not for '{platform}'",
            hint="--platform chooses from an index, which this is not: leave it out, or name an image for "
            f"'{platform}'; a target is built for what a label says, such as --platform @mbuild//platforms:linux_arm64",
        )


def read_manifest(descriptor: Descriptor, open_blob: OpenBlob) -> bytes:
    """The bytes of a manifest, which must be of the kind that its descriptor says."""
    if descriptor.media_type not in MANIFESTS:
        raise BuildFailure(f"{descriptor.digest} is no image manifest: its media type is {descriptor.media_type!r}")
    return _document(descriptor, open_blob, "manifest")


def read_index(descriptor: Descriptor, open_blob: OpenBlob) -> Index:
    """An index, which must be of the kind that its descriptor says."""
    return Index.from_json(_document(descriptor, open_blob, "index"))


def _document(descriptor: Descriptor, open_blob: OpenBlob, what: str) -> bytes:
    data = read_document(descriptor.digest, open_blob, what)
    said = string(parse_object(data, f"{what} {descriptor.digest}"), "mediaType", f"{what} {descriptor.digest}")
    if said and said != descriptor.media_type:
        raise BuildFailure(
            f"{what} {descriptor.digest} says that it is {said!r}, and what points to it says {descriptor.media_type!r}"
        )
    return data


def image_for(
    root: Descriptor, open_blob: OpenBlob, platform: str = "", name: str = "", default: str = DEFAULT_PLATFORM
) -> Descriptor:
    """`root`, or of an index and the indexes in it the image for `platform`, chosen as `read_image` does.

    What says something of another image is left out, and so are artifacts, unless there is nothing else but one of
    them, or they are asked for as what they are: `unknown/unknown`. Raises BuildError, which lists the platforms that
    there are.
    """
    if root.media_type not in INDEXES:
        return root
    listed = manifests_of(root, open_blob)
    found = [one for one in listed if not is_about_another(one) or (platform and one.platform_text == platform)]
    if not found and (artifacts := _artifacts(listed)):
        return _alone(artifacts, name)
    return _chosen(found, platform, name, default)


def is_only_a_list(root: Descriptor, open_blob: OpenBlob) -> bool:
    """Whether an index lists things, but no image, and no artifact that could be meant in an image's place."""
    listed = manifests_of(root, open_blob) if root.media_type in INDEXES else []
    return bool(listed) and all(map(is_about_another, listed)) and len(_artifacts(listed)) != 1


def _artifacts(listed: Sequence[Descriptor]) -> list[Descriptor]:
    return [one for one in listed if one.artifact_type and _REFERENCE not in dict(one.annotations)]


def manifests_of(root: Descriptor, open_blob: OpenBlob) -> list[Descriptor]:
    """All manifests that an index lists, and the indexes in it, in their order; of no index itself."""
    return _walk(root, open_blob, set(), 1)


def _alone(artifacts: Sequence[Descriptor], name: str) -> Descriptor:
    if len(artifacts) > 1:
        what = f"'{name}'" if name else "the index"
        raise BuildError(
            f"{what} has {len(artifacts)} artifacts and no image",
            hint="name one by itself, in a registry by its digest; 'mbuild image inspect --raw' prints what it lists",
        )
    return artifacts[0]


def _walk(descriptor: Descriptor, open_blob: OpenBlob, seen: set[Digest], depth: int) -> list[Descriptor]:
    if descriptor.media_type not in INDEXES:
        return [descriptor]
    if depth > _DEEPEST or len(seen) >= _MOST_INDEXES:
        raise BuildFailure(f"index {descriptor.digest} is nested too deep: mbuild reads {_DEEPEST} indexes in a row")
    if descriptor.digest in seen:
        return []
    seen.add(descriptor.digest)
    children = read_index(descriptor, open_blob).manifests
    return [found for child in children for found in _walk(child, open_blob, seen, depth + 1)]


def is_about_another(descriptor: Descriptor) -> bool:
    """Whether an index's entry is no image to run: an attestation, a signature, a model's artifact."""
    return dict(descriptor.platform).get("os") == "unknown" or _REFERENCE in dict(descriptor.annotations)


def _chosen(found: Sequence[Descriptor], platform: str, name: str, default: str) -> Descriptor:
    what = f"'{name}'" if name else "the index"
    if not found:
        raise BuildFailure(
            f"{what} is an index without an image", hint="'mbuild image inspect --raw' prints what it lists"
        )
    if not platform and len(found) == 1:
        return found[0]
    wanted = platform or default
    fitting = [one for one in found if one.platform_text == wanted]
    fitting += [one for one in found if _alike(one.platform_text, wanted)]
    if fitting:
        return fitting[0]
    listed = ", ".join(sorted({_shown(one.platform_text) or "unnamed" for one in found}))
    raise BuildError(f"{what} has no image for '{wanted}'", hint=f"choose one with --platform: {listed}")


def _shown(platform: str) -> str:
    """A platform as one line, whatever a stranger put into it."""
    return repr(platform)[1:-1]


def _alike(told: str, wanted: str) -> bool:
    """Whether two platforms are one but for the variant, which only one of them names."""
    return bool(told) and (told.startswith(f"{wanted}/") or wanted.startswith(f"{told}/"))
