"""One push and one pull under faults, by a seed; and whether what a registry then holds is what it may hold.

The tests do a hundred of these, `benchmarks/soak_registry.py` a thousand.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fault_proxy import Fault, FaultProxy, fault_proxy
from little_registry import Shelf

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Event, Warned, ignore
from buildkit.reference import Reference
from buildkit.registry import (
    Credentials,
    Early,
    MemoryRegistry,
    RegistrySource,
    StoreSource,
    carry_out,
    copy_image,
    planned,
)
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.retry import Patience

_ALONE = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
_PATIENCE = Patience(first=0.01, longest=0.05, connect=3.0, stall=1.0, ending=10.0)
_BOUND = 120.0  # seconds: far above what the patience above comes to


@dataclass
class Outcomes:
    """What the runs came to. `wrong` is what must not be: each is a fault of mbuild's."""

    pushed: int = 0
    push_errors: int = 0
    pulled: int = 0
    pull_errors: int = 0
    longest: float = 0.0
    bytes: int = 0
    retries: int = 0
    tokens: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run(seed: int, target: str, largest: int, outcomes: Outcomes) -> None:
    """Push an image of a seed's making through a proxy of a seed's faults, look at the registry, and pull it back."""
    dice = random.Random(seed)
    store = Shelf()
    image = store.image(*(_blob(dice, largest) for _ in range(dice.randint(1, 3))))
    outcomes.bytes += sum(digest.size for digest in store.blobs)
    repository, events = f"soak/r{seed}", list[Event]()
    with fault_proxy(FaultProxy(target, seed, dice.choice((0.02, 0.1, 0.25, 0.5)), stall=1.5)) as proxy:
        through = _registry(proxy.address, events)
        to = Reference(proxy.address, repository, "v1")
        error = _bounded(lambda: _push(store, image, to, through, events, early=seed % 4 == 1), outcomes)
        outcomes.pushed, outcomes.push_errors = outcomes.pushed + (not error), outcomes.push_errors + bool(error)
        _look(seed, f"http://{target}/v2/{repository}", image, store, error is None, outcomes)
        if error:
            direct = _registry(target, [])
            copy_image(StoreSource(store), image, Reference(target, repository, "v1"), direct, ignore, 3)
        pulled = MemoryRegistry()
        there, here = RegistrySource(through, to), Reference("memory.example", "x", "v1")
        late = _bounded(lambda: copy_image(there, image, here, pulled, events.append, 3), outcomes)
        outcomes.pulled, outcomes.pull_errors = outcomes.pulled + (not late), outcomes.pull_errors + bool(late)
        _compare(seed, pulled, image, store, late is None, outcomes)
        outcomes.faults += proxy.seen
        outcomes.tokens += len(proxy.tokens)
    outcomes.retries += sum(isinstance(event, Warned) for event in events)
    told = [str(error), str(late), *(event.message for event in events if isinstance(event, Warned))]
    if any("secret-" in text for text in told):
        outcomes.wrong.append(f"seed {seed}: a token in a message")


def _push(
    store: Shelf, image: Digest, to: Reference, through: OrasRegistry, events: list[Event], *, early: bool
) -> None:
    """Push an image; `early`: as if all blobs had just been hashed."""
    with Early(lambda: _registry(to.host, []), to, 3, least=0) as begun:
        for digest in store.blobs if early else ():
            begun.begin(digest.size, partial(store.open, digest))(digest)
        source = StoreSource(store)
        carry_out(planned(source, image, to, through, 3), source, through, events.append, 3, begun)


def _registry(host: str, events: list[Event]) -> OrasRegistry:
    credentials = Credentials.of_machine({}, events.append)
    return OrasRegistry(host, credentials, events.append, plain_http=True, patience=_PATIENCE)


def _blob(dice: random.Random, largest: int) -> bytes:
    """From 1 KB to `largest`, small ones as often as large ones; not two alike."""
    size = int(1000 * (largest / 1000) ** dice.random())
    block = dice.randbytes(min(size, 1 << 16))
    return (block * (size // len(block) + 1))[:size]


def _bounded(work: Callable[[], object], outcomes: Outcomes) -> BuildError | None:
    """Do the work; its error, which must be one that is made for people; noted as wrong if it does not end."""
    caught: list[BaseException] = []

    def worked() -> None:
        try:
            work()
        except BaseException as error:
            caught.append(error)

    began = time.monotonic()
    thread = threading.Thread(target=worked, daemon=True)
    thread.start()
    thread.join(_BOUND)
    outcomes.longest = max(outcomes.longest, time.monotonic() - began)
    if thread.is_alive():
        outcomes.wrong.append("no end in time")
        return BuildFailure("no end in time")
    if not caught:
        return None
    error = caught[0]
    if not isinstance(error, EnvironmentFault | BuildFailure) or not error.message:
        outcomes.wrong.append(f"{type(error).__name__}: {error}")
        return BuildFailure("wrong")
    outcomes.errors[_kind(error.message)] += 1
    return error


def _kind(message: str) -> str:
    words = [word for word in message.split() if not any(letter.isdigit() for letter in word) or word.isdecimal()]
    return " ".join(words[:9])


def _look(seed: int, place: str, image: Digest, store: Shelf, pushed: bool, outcomes: Outcomes) -> None:
    """At the registry itself: a tag names the whole image, or there is none; after a push that went well there is."""
    tagged = _got(f"{place}/manifests/v1")
    if tagged is None:
        if pushed:
            outcomes.wrong.append(f"seed {seed}: pushed, and no tag")
        return
    if Digest.of(tagged) != image:
        outcomes.wrong.append(f"seed {seed}: the tag names {Digest.of(tagged)}")
        return
    document = json.loads(tagged)
    for row in (document["config"], *document["layers"]):
        data = _got(f"{place}/blobs/{row['digest']}")
        if data is None or f"sha256:{hashlib.sha256(data).hexdigest()}" != row["digest"]:
            outcomes.wrong.append(f"seed {seed}: a tag names an incomplete image")


def _compare(
    seed: int, pulled: MemoryRegistry, image: Digest, store: Shelf, ended_well: bool, outcomes: Outcomes
) -> None:
    tagged = pulled.manifests.get(("x", "v1"))
    if ended_well != (tagged is not None) or (tagged is not None and tagged != store.read(image)):
        outcomes.wrong.append(f"seed {seed}: pulled another manifest")
    for (_, digest), data in pulled.blobs.items():
        if str(Digest.of(data)) != digest:
            outcomes.wrong.append(f"seed {seed}: pulled other bytes")
    if tagged is not None and len(pulled.blobs) != len(store.blobs) - 1:
        outcomes.wrong.append(f"seed {seed}: pulled an incomplete image")


def _got(url: str) -> bytes | None:
    try:
        with _ALONE.open(urllib.request.Request(url, headers=_ACCEPT)) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
        return None
