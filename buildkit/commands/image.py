"""`mbuild image inspect | layers | files | validate`: names of images → what they are and hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase

from buildkit.commands.graph import analysis
from buildkit.commands.images import is_target, open_image
from buildkit.commands.machine import machine_of
from buildkit.commands.session import Session
from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildErrors, BuildFailure
from buildkit.execution import known_keys
from buildkit.graph.action import Artifact
from buildkit.graph.analysis import ConfiguredTarget
from buildkit.images.facts import ImageFacts, LayerFacts, facts_of
from buildkit.images.members import IndexMember, index_annotations, members_of
from buildkit.images.merged import File, Root
from buildkit.images.validate import Validation
from buildkit.images.validate import validate as validate_opened
from buildkit.images.walk import is_unsafe, kind_of, opened_layer
from buildkit.oci.each_once import plain_path
from buildkit.oci.image import Image, OpenedImage, is_only_a_list, read_image
from buildkit.oci.manifest import Manifest
from buildkit.records import dataclass
from buildkit.registry.mirror import past_mirrors


@dataclass(frozen=True, slots=True)
class Asked:
    """How images were asked for, beside their names."""

    platform: str = ""
    plain_http: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """An image that was read, by the name that the user gave."""

    name: str
    opened: OpenedImage
    image: Image
    facts: ImageFacts


@dataclass(frozen=True, slots=True)
class Members:
    """An index: its members, its annotations."""

    members: tuple[IndexMember, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holders:
    """Of the workspace's other images whose result is known, how many hold each layer."""

    images: int  # other image targets whose manifest is known
    unknown: int  # those not built yet, or changed since
    count: Mapping[Digest, int]


def read(session: Session, text: str, asked: Asked) -> Named:
    """Open an image and read its documents."""
    return _read(text, open_image(session, text, plain_http=asked.plain_http), asked)


def _read(text: str, opened: OpenedImage, asked: Asked) -> Named:
    image = read_image(opened, asked.platform)
    return Named(text, opened, image, facts_of(image))


def inspected(session: Session, text: str, asked: Asked) -> tuple[OpenedImage, Named | None]:
    """The same; no image of an index that has none to choose, unless a platform was asked for."""
    opened = open_image(session, text, plain_http=asked.plain_http)
    if not asked.platform and is_only_a_list(opened.root, opened.open_blob):
        return opened, None
    return opened, _read(text, opened, asked)


def members(opened: OpenedImage, named: Named | None) -> Members:
    """What the index lists that was opened, and says of itself; nothing where an image stands alone."""
    if named and named.image.index is None:
        return Members()
    return Members(members_of(opened.root, opened.open_blob), index_annotations(opened.root, opened.open_blob))


def root_document(session: Session, text: str, asked: Asked) -> bytes:
    """The exact bytes of what a name stands for: with a platform, its manifest; without, an index stays one."""
    opened = open_image(session, text, plain_http=asked.plain_http)
    if asked.platform:
        return read_image(opened, asked.platform).data
    with opened.open_blob(opened.root.digest) as source:
        data = b""
        while chunk := source.read(1 << 20):
            data += chunk
        return data


def holders(session: Session, text: str) -> Holders | None:
    """Who else in the workspace holds a target's layers; None for what is no target.

    Nothing is built or fetched for it: other images count as far as their manifests follow from what is known.
    """
    if not is_target(text):
        return None
    own = set(analysis(session, [text]).requested)
    try:
        analyzed = analysis(session, ["//..."], keep_going=True)
    except (BuildError, BuildErrors):
        return None
    others = [
        configured
        for label in analyzed.requested
        if label not in own and (configured := analyzed.configured[label]).image
    ]
    machine = machine_of(session)
    numbers = {other.label: _producer(analyzed.actions.producers, other) for other in others}
    keys = known_keys(analyzed.actions, [number for number in numbers.values() if number is not None], machine)
    count: dict[Digest, int] = {}
    known, indexes = 0, 0
    for other in others:
        key = keys.get(numbers[other.label] or -1) if numbers[other.label] is not None else None
        result = machine.actions.get(key) if isinstance(key, Key) else None
        manifest = next(iter(result.outputs.values()), None) if result else None
        if manifest is None or not session.store.has(manifest):
            continue
        layers = _layers(session.store.read(manifest))
        if layers is None:
            indexes += 1
            continue
        known += 1
        for digest in layers:
            count[digest] = count.get(digest, 0) + 1
    return Holders(known, len(others) - indexes - known, count)


def _producer(producers: Mapping[Artifact, int], target: ConfiguredTarget) -> int | None:
    return producers.get(target.image.manifest) if target.image else None


def _layers(document: bytes) -> set[Digest] | None:
    """An image's layers; None for an index, whose images are targets of their own."""
    try:
        return {layer.digest for layer in Manifest.from_json(document).layers}
    except BuildFailure:
        return None


@past_mirrors
def files(named: Named, pattern: str, layer: int | None) -> Iterator[File]:
    """The files of an image as a container sees them, or the members of one layer, in its order.

    Raises BuildError for a layer that is not there, BuildFailure for one that cannot be read.
    """
    found = _merged(named) if layer is None else iter(list(_of_layer(named, layer)))
    return (file for file in found if not pattern or matches(file.path, pattern))


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern means a path: as a whole, as the name alone, or as a folder above it."""
    plain = pattern.strip("/")
    return fnmatchcase(path, plain) or fnmatchcase(path.rpartition("/")[2], plain) or path.startswith(f"{plain}/")


def _merged(named: Named) -> Iterator[File]:
    root = Root()
    for row in named.facts.layers:
        with opened_layer(row.descriptor, named.opened.open_blob) as found:
            root.add_layer(row.number, found.members)
    return root.files()


def _of_layer(named: Named, number: int) -> Iterator[File]:
    row = layer_numbered(named.facts.layers, number)
    with opened_layer(row.descriptor, named.opened.open_blob) as found:
        for member in found.members:
            if is_unsafe(member.path):
                raise BuildFailure(f"layer {number} holds the unsafe path {member.path[:200]!r}")
            path = plain_path(member.path)
            if path:
                yield File(path, kind_of(member), member.mode, member.size, number, member.target)


def layer_numbered(layers: Sequence[LayerFacts], number: int) -> LayerFacts:
    """A layer by its number."""
    if not 1 <= number <= len(layers):
        raise BuildError(f"there is no layer {number}", hint=f"the image has {len(layers)}; 1 is the lowest")
    return layers[number - 1]


@past_mirrors
def validate(session: Session, text: str, asked: Asked) -> Validation:
    """Read all of an image, or of an index and its images, and hold it against the specification."""
    return validate_opened(open_image(session, text, plain_http=asked.plain_http), asked.platform)
