"""What registries take: looked at when it is known what an image consists of, and before a byte of it moves.

In: an image's contents, a host, what `mbuild.toml` says of it. Out: nothing, warnings, or a BuildError. Limits that
`mbuild.toml` names are believed, and refuse; those that are only known from registries' documents are warned of, since
they change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from buildkit.digest import size_text
from buildkit.errors import BuildError
from buildkit.events import Listener, Warned
from buildkit.graph.registry_config import RegistryLimits
from buildkit.registry.contents import Contents, ManifestData

_MIB, _GIB, _GB = 1 << 20, 1 << 30, 10**9
_RUN = 127  # layers that docker and containerd stack at most
# As their owners' documents say (2025), by host.
KNOWN: tuple[tuple[re.Pattern[str], RegistryLimits], ...] = (
    (re.compile(r"ghcr\.io"), RegistryLimits(max_blob_size=10 * _GB)),
    (re.compile(r"[0-9]+\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.[a-z.]+"), RegistryLimits(max_blob_size=52_000 * _MIB)),
    (re.compile(r"public\.ecr\.aws"), RegistryLimits(max_blob_size=10_000 * _MIB)),
    (re.compile(r"[a-z0-9-]+\.azurecr\.io"), RegistryLimits(max_blob_size=200 * _GIB, max_manifest_size=4 * _MIB)),
    (re.compile(r"quay\.io"), RegistryLimits(max_blob_size=20 * _GIB)),
)


def check_limits(contents: Contents, host: str, own: RegistryLimits, listener: Listener) -> None:
    """Raise BuildError for what `own` forbids; warn of what the host is known to refuse."""
    for problem in _problems(contents, own):
        raise BuildError(
            f"registry '{host}' does not take this image: {problem}",
            hint=f'change the image, or correct [registry."{host}".limits] in mbuild.toml',
        )
    known = known_limits(host)
    told = RegistryLimits(  # of what mbuild.toml says nothing
        None if own.max_blob_size else known.max_blob_size,
        None if own.max_layers else known.max_layers,
        None if own.max_manifest_size else known.max_manifest_size,
    )
    for problem in _problems(contents, told):
        listener(Warned(f"registry '{host}' may refuse this image: {problem}"))


def known_limits(host: str) -> RegistryLimits:
    """What a host is known to take; more than 127 layers run nowhere."""
    found = next((limits for pattern, limits in KNOWN if pattern.fullmatch(host)), RegistryLimits())
    return RegistryLimits(found.max_blob_size, found.max_layers or _RUN, found.max_manifest_size)


def _problems(contents: Contents, limits: RegistryLimits) -> Iterator[str]:
    for blob in contents.blobs:
        if limits.max_blob_size and blob.digest.size > limits.max_blob_size:
            most = _exact(limits.max_blob_size)
            yield f"{blob.label} has {_exact(blob.digest.size)}, and it takes {most} in a blob"
    for manifest in contents.manifests:
        count = _layers(manifest)
        if limits.max_layers and count > limits.max_layers:
            yield f"it has {count} layers, and {limits.max_layers} is the most"
        if limits.max_manifest_size and len(manifest.data) > limits.max_manifest_size:
            size, most = _exact(len(manifest.data)), _exact(limits.max_manifest_size)
            yield f"its manifest has {size}, and it takes {most} in a manifest"


def _exact(size: int) -> str:
    """A size to read, and what tells it from one that is nearly the same."""
    return f"{size_text(size)} ({size} bytes)" if size >= 1000 else f"{size} bytes"


def _layers(manifest: ManifestData) -> int:
    return len(json.loads(manifest.data).get("layers") or ())  # read before: it is JSON with a list
