"""Results of actions in a repository of a registry: a build cache for all who can read it.

In: keys, and results whose bytes a store has. Out: results that others kept, their bytes brought into the store. An
entry is an artifact, an image manifest (image-spec, manifest.md) under the tag `action-<key>`: its config says key,
time and outputs, its layers are the outputs' bytes.

Nothing here fails a build. What is damaged, too old or says another key counts as absent; a registry that cannot be
reached is left alone after that. Every byte is held against its digest; who may write there is the registry's word, and
a result is as trustworthy as they are.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Listener, Progress, Warned
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.document import canonical, parse_object
from buildkit.oci.manifest import Manifest
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.registry.registry import BLOB_UNKNOWN, Registry
from buildkit.store import ActionResult, BlobStore
from buildkit.store.actions import decode, encode

ARTIFACT = "application/vnd.mbuild.action.v1"
CONFIG = "application/vnd.mbuild.action.v1+json"
_BLOB = "application/octet-stream"
_CHUNK = 1 << 20
_AHEAD = 86_400  # seconds that clocks may differ by
_MOST_BLOBS = 1000  # a manifest has 4 MiB at most
_FAULTS = 3  # entries that fail before the registry is left alone
_UPLOADS = 2

Usable = Callable[[ActionResult], bool]
"""Whether all of a result is there, once its blobs were brought; BuildFailure for what is not what it should be."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether entries are written, and how old one may be, in seconds (None: any age)."""

    writes: bool = True
    max_age: float | None = None
    now: Callable[[], float] = time.time


class RegistryResults:
    """The entries of one repository, at `place`. Methods may be called from many threads.

    `held` hears of blobs that the repository holds. A context manager: leaving it waits for what is being sent, or
    gives that up after an exception.
    """

    def __init__(
        self,
        registry: Registry,
        place: Reference,
        store: BlobStore,
        policy: Policy,
        listener: Listener,
        held: Callable[[Digest], None] = lambda blob: None,
    ) -> None:
        self._registry = registry
        self._place = place
        self._store = store
        self._policy = policy
        self._listener = listener
        self._held = held
        self._lock = threading.Lock()
        self._first = threading.Lock()
        self._asked = False
        self._reads, self._writes = True, policy.writes
        self._faults = 0
        self._absent: set[Key] = set()
        self._uploads = ThreadPoolExecutor(_UPLOADS, "results")

    def __enter__(self) -> RegistryResults:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind:
            self._writes = False
        self._uploads.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def find(self, key: Key, usable: Usable = lambda result: True, /) -> ActionResult | None:
        """The result kept under a key, its bytes brought here; None if there is none that can be used."""
        if not self._asked:
            with self._first:  # the first one goes alone: it finds out whether the registry is there
                found = self._find(key, usable)
                self._asked = True
                return found
        return self._find(key, usable)

    def offer(self, key: Key, result: ActionResult, blobs: Sequence[Digest]) -> None:
        """Keep a result, and the blobs that it needs, for others: in the background."""
        # A recipe's bytes are its sources': whoever has these is quicker without us.
        sent = sorted(set(blobs))
        if self._writes and len(sent) <= _MOST_BLOBS and not any(map(self._is_recipe, sent)):
            self._uploads.submit(self._offer, key, result, sent)

    def _find(self, key: Key, usable: Usable) -> ActionResult | None:
        if not self._reads or key in self._absent:
            return None
        try:
            document = self._registry.manifest(self._place.repository, _tag(key))
        except EnvironmentFault as fault:
            self._give_up(fault)
            return None
        found = self._brought(document.data, key, usable) if document else None
        if not found:
            self._absent.add(key)
        return found

    def _brought(self, document: bytes, key: Key, usable: Usable) -> ActionResult | None:
        """The result of an entry, its bytes in the store."""
        try:
            blobs, config = _read_manifest(document)
            result = self._result(self._bytes(config), key)
            for blob in blobs if result else ():
                self._bring(blob, key)
            if result and not usable(result):
                raise BuildFailure("outputs, or their bytes, are missing in it")
            return result
        except BuildError as fault:
            self._failed(key, fault)
        except (ValueError, TypeError, ArithmeticError, RecursionError):  # strange numbers, texts that are none
            self._failed(key, BuildFailure("it is not what mbuild writes"))
        return None

    def _result(self, document: bytes, key: Key) -> ActionResult | None:
        data = parse_object(document, "an entry")
        if data.get("key") != key.hex:
            raise BuildFailure("it is the entry of another action")
        made, result = data.get("made"), decode(canonical(data.get("result")))
        if not isinstance(made, int) or result is None:
            raise BuildFailure("it is not what mbuild writes")
        age = self._policy.now() - made
        if age < -_AHEAD:
            raise BuildFailure("it says that it is from the future")
        return None if self._policy.max_age is not None and age > self._policy.max_age else result

    def _bring(self, blob: Digest, key: Key) -> None:
        if not self._store.has(blob):
            done = 0
            with self._registry.open_blob(self._place.repository, blob) as reader, self._store.writer() as writer:
                while chunk := reader.read(_CHUNK):
                    writer.write(chunk)
                    done += len(chunk)
                    self._listener(Progress(f"cache {key.hex[:12]}", done, blob.size))
                writer.commit(blob)
        self._held(blob)

    def _bytes(self, digest: Digest) -> bytes:
        if digest.size > _CHUNK:
            raise BuildFailure(f"its config has {digest.size} bytes, expected {_CHUNK} at most")
        with self._registry.open_blob(self._place.repository, digest) as reader:
            return b"".join(iter(lambda: reader.read(_CHUNK), b""))

    def _is_recipe(self, digest: Digest) -> bool:
        return self._store.owned_path(digest) is None

    def _offer(self, key: Key, result: ActionResult, blobs: Sequence[Digest]) -> None:
        if not self._writes:
            return
        try:
            try:
                self._keep(key, result, blobs)
            except EnvironmentFault as fault:
                # A registry that several machines fill at once may not find for a moment what it has: look again, once.
                if BLOB_UNKNOWN not in fault.message:
                    raise
                self._keep(key, result, blobs)
        except (EnvironmentFault, BuildFailure) as fault:
            self._stop_writing(fault)

    def _keep(self, key: Key, result: ActionResult, blobs: Sequence[Digest]) -> None:
        for blob in blobs:
            self._send(blob)
        config = canonical({"key": key.hex, "made": int(self._policy.now()), "result": json.loads(encode(result))})
        self._registry.push_blob(self._place.repository, Digest.of(config), _opened(config), _unheard)
        layers = tuple(Descriptor(_BLOB, blob) for blob in blobs)
        manifest = Manifest(Descriptor(CONFIG, Digest.of(config)), layers, artifact_type=ARTIFACT).to_json()
        media_type = str(json.loads(manifest)["mediaType"])
        self._registry.push_manifest(self._place.repository, _tag(key), manifest, media_type)

    def _send(self, blob: Digest) -> None:
        if not self._registry.has(self._place.repository, blob):
            self._registry.push_blob(self._place.repository, blob, lambda: self._store.open(blob), self._moved)
        self._held(blob)

    def _moved(self, done: int) -> None:
        if not self._writes:
            raise BuildFailure("the build ended")

    def _failed(self, key: Key, fault: BuildError) -> None:
        with self._lock:
            self._faults += 1
            last = self._faults == _FAULTS
        self._listener(Warned(f"entry {key.hex[:12]} of the build cache '{self._place}' is not used: {fault.message}"))
        if last:
            self._give_up(BuildFailure(f"{_FAULTS} entries of it are damaged"))

    def _give_up(self, fault: BuildError) -> None:
        with self._lock:
            told, self._reads, self._writes = not self._reads, False, False
        if not told:
            self._listener(Warned(f"building without the build cache '{self._place}': {fault.message}"))

    def _stop_writing(self, fault: BuildError) -> None:
        with self._lock:
            told, self._writes = not self._writes, False
        if not told:
            self._listener(Warned(f"nothing more is kept in the build cache '{self._place}': {fault.message}"))


def _tag(key: Key) -> str:
    return f"action-{key.hex}"


def _read_manifest(document: bytes) -> tuple[list[Digest], Digest]:
    manifest = Manifest.from_json(document)
    if len(manifest.layers) > _MOST_BLOBS:
        raise BuildFailure(f"it names {len(manifest.layers)} blobs, expected {_MOST_BLOBS} at most")
    return [layer.digest for layer in manifest.layers], manifest.config.digest


def _opened(data: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(data)


def _unheard(done: int) -> None:
    return
