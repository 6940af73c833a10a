"""Named Debian packages → the exact files of their closure in a suite.

In: `{"suite": "bookworm", "packages": [...], "omit": [...], "architecture": "amd64", "components": ["main"]}`, this
machine's sources and a keyring. Out: a `Lock`, which notes the Release that it was made from and who signed that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from buildkit.errors import BuildError
from buildkit.events import Listener, Progress, Warned
from buildkit.fetch.sources import Sources
from buildkit.graph.lockfile import Lock, request_key
from buildkit.lock.closure import closure
from buildkit.lock.mirror import Suite, find_suite, packages_text
from buildkit.lock.openpgp import Signed, unverified, verified
from buildkit.lock.packages import Catalog
from buildkit.lock.release import Release, check_release, parse_release

RELEASE_NOTE = "release"


def resolve(
    request: Mapping[str, object],
    sources: Sources,
    *,
    keyring: Path | None,
    report: Listener,
    allow_unsigned: bool = False,
    previous: Lock | None = None,
    now: datetime | None = None,
) -> Lock:
    """Resolve a request. `previous` is the lock to be replaced: its suite must not get older. Touches the network.

    Without a keyring it raises EnvironmentFault, unless `allow_unsigned`.
    """
    suite = find_suite(str(request["suite"]), sources)
    signed = _signed(suite, keyring, allow_unsigned, report)
    release = parse_release(signed.text, suite.subject)
    recorded = previous.note(RELEASE_NOTE) if previous else None
    check_release(release, str(request["suite"]), now or datetime.now(UTC), recorded, suite.subject)
    if release.valid_until:
        report(Warned(f"suite '{release.codename}' is not frozen: its files leave the mirrors when it moves on"))
    packages = closure(
        _catalog(suite, release, request, report),
        _strings(request, "packages"),
        _strings(request, "omit"),
        str(request["suite"]),
    )
    notes = ((RELEASE_NOTE, release.note), ("signed by", " ".join(signed.signers) or "nobody that was checked"))
    return Lock("debian", request_key("debian", request), tuple(one.entry for one in packages), notes)


def _signed(suite: Suite, keyring: Path | None, allow_unsigned: bool, report: Listener) -> Signed:
    if keyring is None and allow_unsigned:
        report(Warned(f"the signature of {suite.subject} is not checked"))
        return unverified(suite.document)
    return verified(suite.document, keyring, suite.subject)


def _catalog(suite: Suite, release: Release, request: Mapping[str, object], report: Listener) -> Catalog:
    components, architecture = _strings(request, "components") or ("main",), str(request["architecture"])
    texts = []
    for done, component in enumerate(components):
        report(Progress(f"reading packages of {request['suite']}", done, len(components)))
        texts.append(packages_text(suite, release, component, architecture))
    return Catalog.of(texts)


def _strings(request: Mapping[str, object], field: str) -> tuple[str, ...]:
    value = request.get(field, ())
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BuildError(f"'{field}' must be a list of strings, found {value!r}")
    return tuple(str(one) for one in value)
