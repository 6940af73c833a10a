"""A blob goes into a repository: mounted from another one of the host, or uploaded.

In: a host, a repository, the blob's body. Out: the registry has the blob under its digest, or nothing of it is left
(distribution specification, "Pushing blobs", "Mounting a blob from another repository"). One streamed PUT is the way;
chunks are for registries that ask for them, for proxies that limit a request, for what is left after a break, and for
blobs that are sent before their digest is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import requests

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.registry.body import BlobBody, Window
from buildkit.registry.exchange import Call
from buildkit.registry.host import Host
from buildkit.registry.retry import Attempts, Transient

# The upload's session is unknown, or stands elsewhere than we think: another one can be opened.
_LOST = (404, 416)
# What registries answer that take no chunks, such as Google's.
_NO_CHUNKS = (400, 405, 411, 415, 501)
_TOO_LARGE = 413
_SMALLEST_CHUNK = 1 << 20
_CUT = 50  # chunks of which only a part was kept: what is left of each goes again
_LARGE = 8 << 20  # bytes: what is less is hashed and stored in the time that any answer has
_WORTH_ASKING = 1 << 20  # what is smaller is sent again sooner than asked for
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")
_Result = TypeVar("_Result")
_OCTETS = {"Content-Type": "application/octet-stream"}
_NO_HEADERS: Mapping[str, str] = {}


def has_blob(host: Host, repository: str, digest: Digest) -> bool:
    """Whether a repository holds a blob; one of another size counts as absent."""
    answer = host.small(
        host.call("HEAD", repository, f"blobs/{digest}", f"asking for blob {digest}"), 200, 404, limit=0
    )
    return answer.status == 200 and answer.headers.get("Content-Length", str(digest.size)) == str(digest.size)


def mount_blob(host: Host, repository: str, digest: Digest, source: str) -> bool:
    """Mount; the upload that a registry offers where it does not mount is given up."""
    call = _start(host, repository, digest, source, f"mounting blob {digest} from '{source}' in '{repository}'")
    response = host.exchange.retried(call)
    if response.status_code == 202:
        _cancel(host, replace(call, method="DELETE", url=host.exchange.target(response, call), body=None))
    return response.status_code == 201


def push_blob(host: Host, repository: str, body: BlobBody, source: str | None) -> bool:
    """Mount or upload, tried again as often as it takes; whether it was mounted."""
    upload = Upload(host, repository, body, source)
    return upload.persisted(upload.tried)


def send_blob(host: Host, repository: str, body: BlobBody) -> Upload | None:
    """Send all of a blob whose digest is not known yet, tried again as often as it takes; None where that is no way."""
    upload = Upload(host, repository, body, None)
    return upload if upload.persisted(upload.sent) else None


class Upload:
    """One blob's way into a repository: the session that the registry opened for it, and how far that has come."""

    def __init__(self, host: Host, repository: str, body: BlobBody, source: str | None) -> None:
        self._host = host
        self._repository = repository
        self._body = body
        self._digest = body.digest
        self._doing = f"pushing blob {body.digest or f'of {body.size} bytes'} to '{repository}'"
        self._start = _start(host, repository, body.digest, None, self._doing)
        self._mount = _start(host, repository, body.digest, source, self._doing) if source else None
        self._place = ""  # where the session goes on
        self._offset = 0  # bytes that the registry has said it keeps
        self._noted = 0  # how many they were when the last failure was looked into
        self._resumed = False
        self._strayed = False  # it stands elsewhere than we think
        self._ended = False  # all bytes have left, and the request that ends the upload
        self._least = 0  # the registry's minimum for a chunk

    def persisted(self, step: Callable[[], _Result]) -> _Result:
        """Do a step of the way, again as often as it takes; nothing is left of what fails for good."""
        attempts, broken = Attempts(self._host.patience, self._host.listener), False
        try:
            while True:
                try:
                    if broken:
                        attempts.progressed(self.found())
                    broken = True
                    return step()
                except Transient as transient:
                    attempts.failed(transient)
        except BaseException:
            self.cancel()
            raise
        finally:
            self._body.close()

    def tried(self) -> bool:
        """Go on from where the session stands, or open one; whether the blob was mounted instead."""
        if self._arrived():
            return False
        if not self._place and self._opened():
            return True
        if self._offset or self._host.manner.chunk_for(self._body.size, self._least):
            self._patched()
        assert self._digest is not None
        self._finished(self._digest)
        return False

    def sent(self) -> bool:
        """Go on likewise, with all bytes, and leave the session open; False where the digest must come first."""
        if self._host.manner.whole_only or (not self._place and self._opened()):
            return False
        self._patched()
        return True

    def name(self, digest: Digest, host: Host) -> bool:
        """Say over a connection to `host` what was sent: the blob of this digest; False where that has been lost.

        Raises EnvironmentFault where the registry says that it is not that blob.
        """
        self._digest, self._host = digest, host
        return self.persisted(self._named)

    def _named(self) -> bool:
        if self._arrived():
            return True
        if self._digest is None or self._offset != self._digest.size:
            return False
        self._finished(self._digest)
        return True

    def found(self) -> int:
        """After a break, ask where the registry stands; a session that is lost is forgotten.

        Gives the bytes gained since this was asked for the last time. Raises Transient if there is no answer.
        """
        sent = max(self._body.position, self._offset)
        self._ended &= sent == self._body.size > _WORTH_ASKING
        if self._place and self._body.size > _WORTH_ASKING:
            call = replace(self._start, method="GET", url=self._place, body=None)
            response = self._host.exchange.answered(call)
            kept = self._told(response)
            if 0 < kept <= sent:
                self._place = self._following(response, call)
                gained, self._offset, self._noted, self._resumed = kept - self._noted, kept, kept, True
                return max(gained, 0)
        self.cancel()
        return 0

    def _told(self, response: requests.Response) -> int:
        """How many bytes the registry keeps; 0 where going on is not possible."""
        if response.status_code in _LOST:
            return 0
        # A registry that does not tell, such as crane's, stands where it last said.
        kept = _kept(response) if response.status_code == 204 else 0 if self._strayed else self._offset
        if not kept and self._body.position:
            self._host.manner.lost_whole()
        return kept

    def cancel(self) -> None:
        """Have the registry drop what it keeps of the upload."""
        if self._place:
            _cancel(self._host, replace(self._start, method="DELETE", url=self._place, body=None))
        self._place, self._offset, self._noted, self._resumed, self._strayed = "", 0, 0, False, False

    def _arrived(self) -> bool:
        """Whether the blob is there after all, though the answer that says so was lost."""
        if self._place or not self._ended or self._digest is None:
            return False
        return has_blob(self._host, self._repository, self._digest)

    def _opened(self) -> bool:
        """POST, which mounts if there is a source; a mount that is refused is followed by an ordinary POST."""
        call, response = self._start, None
        if self._mount:
            call, self._mount = self._mount, None
            try:
                response = self._host.exchange.answered(call)
            except EnvironmentFault:
                response = None
        if response is None or response.status_code not in (201, 202):
            call = self._start
            response = self._host.expect(self._host.exchange.answered(call), call, 201, 202)
        if response.status_code == 201:
            if self._digest:
                self._host.check_digest(response.headers, call, self._digest, "stored")
            return True
        self._place = self._host.exchange.target(response, call)
        minimum = response.headers.get("OCI-Chunk-Min-Length", "")
        self._least = int(minimum) if minimum.isdecimal() and len(minimum) < 19 else 0
        return False

    def _patched(self) -> None:
        """PATCH chunk by chunk, in order; what is left after a break goes as one chunk unless less is asked for."""
        size, cut = self._body.size, 0
        while self._offset < size:
            chunk = self._host.manner.chunk_for(size, self._least) or size
            end = min(self._offset + chunk, size)
            # All of it is no part: some that refuse large parts take it as docker sends it.
            part = {} if end - self._offset == size else {"Content-Range": f"{self._offset}-{end - 1}"}
            window = self._body.window(self._offset, end)
            call = self._ending("PATCH", self._place, window, part)
            response = self._host.exchange.answered(call)
            self._refused(response, call, end - self._offset)
            self._place = self._following(response, call)
            kept = _kept(response) or end
            cut += kept < end
            if not self._offset < kept <= end or cut > _CUT:
                raise self._host.peer.wrong(self._doing, f"keeps {kept} bytes where {end} were sent")
            self._offset = kept

    def _refused(self, response: requests.Response, call: Call, size: int) -> None:
        status = response.status_code
        if status in (201, 202, 204):
            return
        fault = self._host.unexpected(response, call)
        if status == _TOO_LARGE and self._host.manner.smaller_chunks(size, max(self._least, _SMALLEST_CHUNK)):
            raise Transient(fault, 0.0)
        if status in _NO_CHUNKS and not self._host.manner.limited:
            self._host.manner.whole_only = True
            self.cancel()
            raise Transient(fault, 0.0)
        self._strayed = status in _LOST
        raise Transient(fault) if self._strayed else fault

    def _finished(self, digest: Digest) -> None:
        """PUT with the digest: all bytes, or none after they have been sent in chunks."""
        query = urlencode({"digest": str(digest)})
        url = f"{self._place}{'&' if urlsplit(self._place).query else '?'}{query}"
        left = self._body.size - self._offset
        # requests takes an empty iterable for one of unknown length, and would send it in chunks.
        body = self._body.window(self._offset, self._body.size) if left else b""
        call = self._ending("PUT", url, body)
        self._ended = True
        response = self._host.exchange.answered(call)
        status = response.status_code
        if status == _TOO_LARGE and left and self._host.manner.smaller_chunks(left, _SMALLEST_CHUNK):
            raise Transient(self._host.unexpected(response, call), 0.0)
        if status in _LOST or (self._resumed and status == 400):
            self.cancel()  # what was kept was not what had been sent: all of it goes again
            raise Transient(self._host.unexpected(response, call))
        self._host.expect(response, call, 201, 202, 204)
        self._host.check_digest(response.headers, call, digest, "stored")

    def _ending(self, method: str, url: str, body: Window | bytes, headers: Mapping[str, str] = _NO_HEADERS) -> Call:
        """A request at whose end a registry may have the whole blob to look after."""
        large = self._body.size > _LARGE
        return replace(self._start, method=method, url=url, headers={**_OCTETS, **headers}, body=body, large=large)

    def _following(self, response: requests.Response, call: Call) -> str:
        return self._host.exchange.target(response, call) if "Location" in response.headers else self._place


def _start(host: Host, repository: str, digest: Digest | None, source: str | None, doing: str) -> Call:
    query = f"?{urlencode({'mount': str(digest), 'from': source})}" if source else ""
    return host.call("POST", repository, f"blobs/uploads/{query}", doing, push=True, source=source, body=b"")


def _kept(response: requests.Response) -> int:
    """How many bytes a registry says that it keeps; '0-0' is what registries say of none."""
    found = _RANGE.fullmatch(response.headers.get("Range", "").strip())
    return int(found[1]) + 1 if found and found[1] != "0" else 0


def _cancel(host: Host, call: Call) -> None:
    # The failure is already on its way to the user; a registry also drops old uploads by itself.
    try:
        host.exchange.sent(call)
    except (EnvironmentFault, Transient):
        return
