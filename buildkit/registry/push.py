"""An image goes to a registry: blobs in parallel; then manifests by digest; tags last; then a look at the result.

In: a reference, the digest of a manifest or an index, a source of all that it names. Out: the digest under which the
registry has it. Whatever fails on the way, the tag still names what it named before.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from buildkit.digest import Digest
from buildkit.errors import BuildError, EnvironmentFault
from buildkit.events import Listener, Progress
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry.contents import ManifestData, read_contents
from buildkit.registry.early import Early
from buildkit.registry.plan import Plan, Step, Way, plan_push
from buildkit.registry.registry import BLOB_UNKNOWN, Registry
from buildkit.registry.sources import Blobs, Source, StoreSource

_NAP = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to, in bytes of blobs. `unlisted` are manifests with a subject that the registry does not list
    among its referrers: they want a fallback tag.
    """

    digest: Digest
    uploaded: int
    mounted: int
    skipped: int
    unlisted: tuple[ManifestData, ...] = ()


def push(
    reference: Reference, manifest_digest: Digest, store: Blobs, registry: Registry, listener: Listener, jobs: int
) -> Digest:
    """Push a manifest and all below it from a store, then its tag. `registry` is the one at `reference.host`."""
    return copy_image(StoreSource(store), manifest_digest, reference, registry, listener, jobs).digest


def copy_image(
    source: Source,
    root: Digest,
    reference: Reference,
    registry: Registry,
    listener: Listener,
    jobs: int,
    tags: Sequence[str] = (),
) -> Pushed:
    """Bring an image and all below it to a registry, from wherever it is; `tags` are written beside the reference's."""
    return carry_out(planned(source, root, reference, registry, jobs, tags), source, registry, listener, jobs)


def planned(
    source: Source, root: Digest, reference: Reference, registry: Registry, jobs: int, tags: Sequence[str] = ()
) -> Plan:
    """What a push would do; `tags` are further ones. Raises BuildError for a reference with another digest."""
    if reference.digest and reference.digest != str(root):
        raise BuildError(
            f"cannot push {root} as '{reference}': the digests differ",
            hint="leave the digest out of the reference: the push prints it",
        )
    plan = plan_push(source, read_contents(source, root), reference, registry, jobs)
    return replace(plan, further=tuple(tags))


def carry_out(
    plan: Plan, source: Source, registry: Registry, listener: Listener, jobs: int, early: Early | None = None
) -> Pushed:
    """Do what a plan says, write the tags, and see that each names the image. What began `early` is ended."""
    if early:
        early.keep([step.blob.digest for step in plan.steps if step.way is Way.UPLOAD])
    uploads = _Uploads(plan.reference.repository, source, registry, listener, early)
    _push_blobs(uploads, plan.steps, jobs)
    try:
        unlisted = _push_manifests(plan, registry)
    except EnvironmentFault as fault:
        # A registry that said that it has a blob may have dropped it since: look again, once.
        if BLOB_UNKNOWN not in fault.message:
            raise
        again = plan_push(source, plan.contents, plan.reference, registry, jobs)
        if all(step.way is Way.SKIP for step in again.steps):
            raise
        _push_blobs(uploads, again.steps, jobs)
        unlisted = _push_manifests(plan, registry)
    _push_tags(plan, registry)
    skipped = plan.bytes(Way.SKIP)
    return Pushed(plan.contents.root.digest, uploads.sent, uploads.mounted, skipped, unlisted)


def _push_manifests(plan: Plan, registry: Registry) -> tuple[ManifestData, ...]:
    listed = {
        manifest: registry.push_manifest(
            plan.reference.repository, str(manifest.digest), manifest.data, manifest.media_type
        )
        for manifest in plan.contents.manifests
    }
    return tuple(manifest for manifest in listed if manifest.has_subject and not listed[manifest])


def _push_tags(plan: Plan, registry: Registry) -> None:
    root, repository, tags = plan.contents.root, plan.reference.repository, plan.tags
    for tag in tags:
        registry.push_manifest(repository, tag, root.data, root.media_type)
    for name in tags or (str(root.digest),):
        found = registry.manifest(repository, name)
        if found is None or found.digest != root.digest:
            place = replace(plan.reference, tag=name if tags else None, digest=None if tags else name)
            raise EnvironmentFault(
                f"'{place}' names {found.digest if found else 'nothing'} just after {root.digest} was pushed there",
                hint="push again; perhaps somebody else pushes to the same tag" if tags else "push again",
            )


class _Stopped(Exception):
    """Another upload failed; this one need not go on."""


class _Uploads:
    """Uploads to one repository, which stop together."""

    def __init__(
        self, repository: str, source: Source, registry: Registry, listener: Listener, early: Early | None
    ) -> None:
        self._repository = repository
        self._source = source
        self._registry = registry
        self._listener = listener
        self._early = early
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        self.sent = 0
        self.mounted = 0

    def carry(self, step: Step) -> None:
        """Send a blob, or have it mounted, unless it is there."""
        digest = step.blob.digest

        def moved(done: int) -> None:
            if self.stopped.is_set():
                raise _Stopped
            self._listener(Progress(f"push {step.blob.label}", done, digest.size))

        if self.stopped.is_set():
            return
        mounted = False
        if step.way is not Way.SKIP:
            place = step.origin.repository if step.way is Way.MOUNT and step.origin else None
            opened = self._source.open
            if not (self._early and self._early.finish(digest, moved, self._registry)):
                mounted = self._registry.push_blob(self._repository, digest, lambda: opened(digest), moved, place)
            with self._lock:
                self.mounted += digest.size if mounted else 0
                self.sent += 0 if mounted else digest.size
        if mounted or step.way is Way.SKIP:
            moved(digest.size)


def _push_blobs(uploads: _Uploads, steps: Sequence[Step], jobs: int) -> None:
    """Send blobs, `jobs` at a time; raises the first failure in the order of the manifest, once all have stopped."""
    pool = ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="push")
    futures: list[Future[None]] = []
    patient = False  # a person who interrupts does not wait for a registry that keeps silent
    try:
        futures.extend(pool.submit(uploads.carry, step) for step in steps)
        # Python may sleep through a Ctrl-C that comes as it lies down to wait; so it gets up now and then.
        while wait(futures, _NAP, FIRST_EXCEPTION).not_done and not any(map(_failure, futures)):
            pass
        patient = True
    finally:
        if any(map(_failure, futures)) or not patient:
            uploads.stopped.set()
        pool.shutdown(wait=patient, cancel_futures=True)
    for failure in filter(None, map(_failure, futures)):
        raise failure


def _failure(future: Future[None]) -> BaseException | None:
    error = None if future.cancelled() or not future.done() else future.exception()
    return None if isinstance(error, _Stopped) else error
