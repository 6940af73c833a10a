"""The layers of base images: from a registry into the store, once an action asks for their bytes.

In: the arguments of a fetch action whose source is `registry`. Out: the blob's digest. The registry's reader verifies
the bytes, and reads on where a connection broke.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buildkit.commands.registries import pulled_from
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import Progress
from buildkit.reference import Reference
from buildkit.registry.mirror import past_mirrors

_CHUNK = 1 << 20
_REPORT_EVERY = 1 << 23


@past_mirrors
def fetch_layer(session: Session, arguments: Mapping[str, Any]) -> Digest:
    """Bring a blob into the store unless it is there. Raises EnvironmentFault with `--offline`, or as registries do."""
    digest = Digest.parse(str(arguments["filename"]), int(arguments["size"]))
    if session.store.has(digest):
        return digest
    place = Reference.parse(str(arguments["name"]))
    if session.options.offline:
        raise EnvironmentFault(
            f"layer {digest} of '{place}' is not in the store, and --offline forbids to fetch it",
            hint="build once without --offline",
        )
    told = done = 0
    registry = pulled_from(session, place.host)
    with registry.open_blob(place.repository, digest) as reader, session.store.writer() as writer:
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
            done += len(chunk)
            if done - told >= _REPORT_EVERY:
                told = done
                session.listener(Progress(f"layer {digest.hex[:12]} of {place}", done, digest.size))
        return writer.commit(digest)
