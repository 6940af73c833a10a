"""`mbuild copy` and `mbuild pull`: an image, where it lies, → another registry, a layout, an archive, the store."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from buildkit.commands.images import is_reference, open_image
from buildkit.commands.reading import told
from buildkit.commands.registries import check_fits, pulled_from, registry_of
from buildkit.commands.session import Session
from buildkit.commands.sinks import Sink, is_sink, parse_sink, write_to
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, without_login
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.image import OpenedImage, read_image
from buildkit.oci.layout import closure
from buildkit.records import dataclass
from buildkit.reference import Reference, is_tag
from buildkit.registry import (
    OpenedSource,
    Pushed,
    RegistrySource,
    Source,
    carry_out,
    copy_image,
    planned,
)
from buildkit.registry.contents import read_contents
from buildkit.registry.mirror import past_mirrors
from buildkit.registry.referrers import list_unlisted, referrers

_TRANSFERS = 4  # waiting for a network is no work for a core
_DEPTH = 4  # what is said of what is said of an image
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Copied:
    """What arrived where, and what that took: bytes of blobs, and referrers that came along."""

    place: str
    digest: Digest
    uploaded: int = 0
    mounted: int = 0
    skipped: int = 0
    referrers: int = 0

    def with_referrer(self, pushed: Pushed) -> Copied:
        """The same, and one referrer more."""
        return replace(
            self,
            uploaded=self.uploaded + pushed.uploaded,
            mounted=self.mounted + pushed.mounted,
            skipped=self.skipped + pushed.skipped,
            referrers=self.referrers + 1,
        )


def pull(session: Session, text: str, outputs: Sequence[str], *, plain_http: bool, platform: str) -> list[Copied]:
    """Bring an image out of a registry: to each of some outputs, else into mbuild's store."""
    if not _is_remote(text):
        raise BuildError(
            f"'{without_login(text)}' is no image in a registry", hint="references look like 'host/repository:tag'"
        )
    sinks = [parse_sink(output) for output in outputs]
    if sinks:
        return [_write(session, text, sink, plain_http, platform) for sink in sinks]
    return [_pull_to_store(session, text, plain_http, platform)]


@past_mirrors
def _pull_to_store(session: Session, text: str, plain_http: bool, platform: str) -> Copied:
    opened = open_image(session, text, plain_http=plain_http)
    root = _chosen(opened, platform)
    _store(session, root, opened)
    return Copied(_by_digest(Reference.parse(text), root.digest), root.digest)


@past_mirrors
def copy(
    session: Session, source: str, target: str, *, plain_http: bool, platform: str, with_referrers: bool
) -> Copied:
    """Copy an image; between registries in a stream, within one by mounts. Referrers come along if asked for."""
    if not _is_remote(source) and not is_sink(source):
        raise BuildError(f"'{source}' is no image that lies somewhere", hint=f"write 'mbuild push {source} {target}'")
    if is_sink(target):
        if with_referrers:
            raise BuildError("'--referrers' needs registries on both sides", hint="leave it out")
        return _write(session, source, parse_sink(target), plain_http, platform)
    if with_referrers and not _is_remote(source):
        raise BuildError("'--referrers' needs registries on both sides", hint="leave it out")
    how = _How(plain_http, platform, with_referrers)
    return _to_registry(session, source, Reference.parse(target), how)


@dataclass(frozen=True, slots=True)
class _How:
    plain_http: bool
    platform: str
    with_referrers: bool


def _to_registry(session: Session, text: str, target: Reference, how: _How) -> Copied:
    """Copy to a registry. Without a tag the target gets the source's."""
    session.needs_network("copying")
    opened = open_image(session, text, plain_http=how.plain_http)
    root = _chosen(opened, how.platform)
    source: Source = OpenedSource(opened.open_blob)
    if _is_remote(text):
        place = Reference.parse(text)
        target = target if target.tag or target.digest else replace(target, tag=place.tag)
        source = RegistrySource(pulled_from(session, place.host, how.plain_http), place)
    elif not (target.tag or target.digest) and is_tag(tag := parse_sink(text).tag):
        target = replace(target, tag=tag)
    registry, jobs = registry_of(session, target.host, how.plain_http), session.options.jobs or _TRANSFERS
    plan = check_fits(session, planned(source, root.digest, target, registry, jobs))
    pushed = carry_out(plan, source, registry, session.listener, jobs)
    list_unlisted(registry, target.repository, pushed.unlisted)
    copied = Copied(_by_digest(target, root.digest), root.digest, pushed.uploaded, pushed.mounted, pushed.skipped)
    if how.with_referrers and isinstance(source, RegistrySource):
        bare = replace(target, tag=None, digest=None)
        subjects = [manifest.digest for manifest in read_contents(source, root.digest).manifests]
        for referrer in _all_referrers(source, subjects):
            more = copy_image(source, referrer.digest, bare, registry, session.listener, jobs)
            list_unlisted(registry, target.repository, more.unlisted)
            copied = copied.with_referrer(more)
    return copied


def _all_referrers(source: RegistrySource, subjects: Sequence[Digest]) -> list[Descriptor]:
    """What refers to some manifests, then what refers to that, and so on. BuildFailure for more than anybody has."""
    found: dict[Digest, Descriptor] = {}
    for _ in range(_DEPTH):
        new: dict[Digest, Descriptor] = {}
        for subject in subjects:
            rows = referrers(source.registry, source.place.repository, subject)
            new |= {row.digest: row for row in rows if row.digest not in found}
            if len(found) + len(new) > _MOST:
                raise BuildFailure(
                    f"the image was copied, but more than {_MOST} manifests refer to it, or to one another: "
                    "these are not copied",
                    hint="copy those that you need, each by its digest; see 'mbuild referrers'",
                )
        found |= new
        subjects = tuple(new)
    return list(found.values())


@past_mirrors
def _write(session: Session, source: str, sink: Sink, plain_http: bool, platform: str) -> Copied:
    """Write an image, an index as it is where one is taken, else what is chosen from it."""
    opened = open_image(session, source, plain_http=plain_http)
    root = _chosen(opened, platform) if sink.takes_several else read_image(opened, platform).descriptor
    name = _own_name(Reference.parse(source), sink) if _is_remote(source) else ""
    reader = told(session.listener, opened)
    write_to(sink, session.options.directory, [(root, name)], reader, platform)
    return Copied(str(sink), root.digest)


def _own_name(place: Reference, sink: Sink) -> str:
    """What the image is called in an output: its tag, and for Docker also where it is from."""
    if sink.kind == "docker-archive" and place.tag:
        return str(replace(place, digest=None))
    return place.tag or ""


def _is_remote(text: str) -> bool:
    """Whether a text is meant as an image in a registry."""
    return not is_sink(text) and is_reference(text)


def _chosen(opened: OpenedImage, platform: str) -> Descriptor:
    """The root, or with a platform that one's image."""
    return read_image(opened, platform).descriptor if platform else opened.root


def _store(session: Session, root: Descriptor, opened: OpenedImage) -> None:
    """Every blob into the store, several at once; each is verified before it is there."""
    store, open_blob = session.store, told(session.listener, opened)

    def bring(digest: Digest) -> None:
        if store.has(digest):
            return
        with open_blob(digest) as reader, store.writer(getattr(reader, "proves", None)) as writer:
            while chunk := reader.read(1 << 20):
                writer.write(chunk)
            writer.commit(digest)

    pool = ThreadPoolExecutor(session.options.jobs or _TRANSFERS, thread_name_prefix="pull")
    patient = False  # a person who interrupts does not wait for a registry that keeps silent
    try:
        for _ in pool.map(bring, tuple(closure(root, opened.open_blob))):
            pass
        patient = True
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)


def _by_digest(place: Reference, digest: Digest) -> str:
    return str(replace(place, tag=None, digest=str(digest)))
