"""Manifests of one repository: read, stored and deleted as the bytes that they are.

In: a host, a repository, a tag or a digest. Out: `Document`s whose bytes were held against their digest (distribution
specification, "Pulling manifests", "Pushing Manifests", "Deleting Manifests").
"""

from __future__ import annotations

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import INDEX, MANIFEST
from buildkit.oci.document import parse_object
from buildkit.registry.host import Host
from buildkit.registry.registry import MANIFEST_LIMIT, Document

_DOCKER = "application/vnd.docker.distribution.manifest"
_ACCEPTED = ", ".join((MANIFEST, INDEX, f"{_DOCKER}.v2+json", f"{_DOCKER}.list.v2+json"))
_ANSWER_LIMIT = 1 << 20


def read_manifest(host: Host, repository: str, name: str) -> Document | None:
    """GET a manifest; raises the host's fault for one that is not what its name or the registry says."""
    doing = f"reading manifest '{name}' of '{repository}'"
    call = host.call("GET", repository, f"manifests/{name}", doing, headers={"Accept": _ACCEPTED}, stream=True)
    answer = host.small(call, 200, 404, limit=MANIFEST_LIMIT)
    if answer.status == 404:
        return None
    digest = Digest.of(answer.body)
    said = name if ":" in name else answer.headers.get("Docker-Content-Digest", str(digest))
    if said.startswith("sha256:") and said != str(digest):
        raise host.peer.wrong(
            doing, f"sent a manifest of {digest} where '{host.peer.secrets.hide(said)[:80]}' was meant"
        )
    try:
        own = parse_object(answer.body, "a manifest").get("mediaType")
    except BuildFailure:
        raise host.peer.wrong(doing, "sent a manifest that is no JSON object") from None
    # What the document calls itself; the header decides where it says nothing (image-spec, manifest.md).
    named = own if isinstance(own, str) and own else answer.headers.get("Content-Type", "").partition(";")[0].strip()
    return Document(answer.body, named or MANIFEST, digest)


def store_manifest(host: Host, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
    """PUT the bytes as they are, and check under which digest they were stored; whether `OCI-Subject` was answered."""
    if len(manifest) > MANIFEST_LIMIT:
        raise BuildFailure(
            f"manifest '{name}' has {len(manifest)} bytes, and registries take {MANIFEST_LIMIT} at most",
            hint="use fewer layers or shorter annotations",
        )
    doing = f"pushing manifest '{name}' to '{repository}'"
    headers = {"Content-Type": media_type}
    call = host.call(
        "PUT", repository, f"manifests/{name}", doing, push=True, headers=headers, body=manifest, stream=True
    )
    answer = host.small(call, 200, 201, 202, limit=_ANSWER_LIMIT)
    host.check_digest(answer.headers, call, Digest.of(manifest), "stored")
    return "OCI-Subject" in answer.headers


def drop_manifest(host: Host, repository: str, name: str) -> bool:
    """DELETE a manifest; False if there is none."""
    doing = f"deleting manifest '{name}' of '{repository}'"
    call = host.call("DELETE", repository, f"manifests/{name}", doing, push=True, stream=True)
    return host.small(call, 200, 202, 204, 404, limit=_ANSWER_LIMIT).status != 404
