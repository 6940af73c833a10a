"""A blob goes into a repository: mounted from another one of the host, or uploaded.

In: a host, a repository, the blob's body. Out: the registry has the blob under its digest, or nothing of it is left
(distribution specification, "Pushing blobs", "Mounting a blob from another repository").
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.registry.body import BlobBody
from buildkit.registry.exchange import Call
from buildkit.registry.host import Host
from buildkit.registry.retry import Transient, retry

# The upload's session is unknown, or stands elsewhere than we think: another one can be opened.
_LOST = (404, 416)


def mount_blob(host: Host, repository: str, digest: Digest, source: str) -> bool:
    """Mount; the upload that a registry offers where it does not mount is given up."""
    call = _start(host, repository, digest, source, f"mounting blob {digest} from '{source}' in '{repository}'")
    response = host.exchange.retried(call)
    if response.status_code == 202:
        _cancel(host, replace(call, method="DELETE", url=host.exchange.target(response, call)))
    return response.status_code == 201


def push_blob(host: Host, repository: str, body: BlobBody, source: str | None) -> bool:
    """Mount or upload, tried again as often as it takes; whether it was mounted."""
    return retry(lambda: _push(host, repository, body, source), host.patience, host.listener)


def _start(host: Host, repository: str, digest: Digest, source: str | None, doing: str) -> Call:
    query = f"?{urlencode({'mount': str(digest), 'from': source})}" if source else ""
    return host.call("POST", repository, f"blobs/uploads/{query}", doing, push=True, source=source, body=b"")


def _push(host: Host, repository: str, body: BlobBody, source: str | None) -> bool:
    doing = f"pushing blob {body.digest} to '{repository}'"
    start = _start(host, repository, body.digest, source, doing)
    response = host.exchange.answered(start)
    if source and response.status_code not in (201, 202):
        start = _start(host, repository, body.digest, None, doing)
        response = host.exchange.answered(start)
    host.expect(response, start, 201, 202)
    if response.status_code == 201:
        return True
    place = host.exchange.target(response, start)
    url = f"{place}{'&' if urlsplit(place).query else '?'}{urlencode({'digest': str(body.digest)})}"
    headers = {"Content-Type": "application/octet-stream"}
    # requests takes an empty iterable for one of unknown length, and would send it in chunks.
    finish = replace(start, method="PUT", url=url, headers=headers, body=body if body.digest.size else b"")
    try:
        _finish(host, finish, body.digest)
    except BaseException:
        _cancel(host, replace(start, method="DELETE", url=place))
        raise
    return False


def _finish(host: Host, call: Call, digest: Digest) -> None:
    response = host.exchange.answered(call)
    if response.status_code in _LOST:
        raise Transient(host.unexpected(response, call))
    host.expect(response, call, 201, 202, 204)
    host.check_digest(response.headers, call, digest, "stored")


def _cancel(host: Host, call: Call) -> None:
    # The failure is already on its way to the user; a registry also drops old uploads by itself.
    try:
        host.exchange.sent(call)
    except (EnvironmentFault, Transient):
        return
