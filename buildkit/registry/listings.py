"""What a registry lists page by page: the tags of a repository, and what refers to a manifest.

In: a host and a repository. Out: all entries, as many pages as there are (distribution specification, "Listing Tags",
"Listing Referrers").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urljoin

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import Descriptor
from buildkit.oci.document import parse_object
from buildkit.reference import is_tag
from buildkit.registry.exchange import Call
from buildkit.registry.host import Answer, Host

_PAGE_LIMIT = 4 << 20
_LIST_LIMIT = 64 << 20
_PAGES = 1000
# No part reaches beyond the next '<': else a header that is full of them takes the square of its length.
_NEXT = re.compile(r'<([^<>]*+)>\s*+;[^,<]*\brel="?next"?', re.IGNORECASE)


def list_tags(host: Host, repository: str) -> list[str]:
    """All tags; none where the repository is not known."""
    call = host.call("GET", repository, "tags/list?n=1000", f"listing the tags of '{repository}'", stream=True)
    found: dict[str, None] = {}
    for answer in _pages(host, call):
        if answer.status != 404:
            found |= dict.fromkeys(_tags(host, call, answer))
    return list(found)


def list_referrers(host: Host, repository: str, digest: Digest, artifact_type: str) -> tuple[Descriptor, ...] | None:
    """All descriptors of the referrers list; None where there is no such list."""
    query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
    doing = f"listing what refers to {digest} in '{repository}'"
    call = host.call("GET", repository, f"referrers/{digest}{query}", doing, stream=True)
    found: list[Descriptor] = []
    for answer in _pages(host, call):
        if answer.status == 404:
            return None
        try:
            rows = [Descriptor.from_data(row) for row in _rows(host, call, answer, "manifests")]
        except (BuildFailure, TypeError, AttributeError):
            raise host.peer.wrong(doing, "sent a list that is none") from None
        filtered = "artifactType" in answer.headers.get("OCI-Filters-Applied", "")
        found += [row for row in rows if filtered or not artifact_type or row.artifact_type == artifact_type]
    return tuple(found)


def _tags(host: Host, call: Call, answer: Answer) -> list[str]:
    rows = _rows(host, call, answer, "tags")
    if not all(isinstance(row, str) and is_tag(row) for row in rows):
        raise host.peer.wrong(call.doing, "sent names that are no tags")
    return rows


def _rows(host: Host, call: Call, answer: Answer, field: str) -> list[Any]:
    try:
        rows = parse_object(answer.body, "a list")[field]
    except (BuildFailure, KeyError):
        raise host.peer.wrong(call.doing, "sent a list that is none") from None
    if not isinstance(rows, list | None):
        raise host.peer.wrong(call.doing, "sent a list that is none")
    return rows or []


def _pages(host: Host, call: Call) -> Iterator[Answer]:
    """Each page of a list; the next one's address is in the `Link` header, and must be this registry's own."""
    seen, size = set(), 0
    for _ in range(_PAGES):
        seen.add(call.url)
        answer = host.small(call, 200, 404, limit=_PAGE_LIMIT)
        size += len(answer.body)
        yield answer
        following = _NEXT.search(answer.headers.get("Link", ""))
        if not following or answer.status == 404:
            return
        try:
            url = urljoin(call.url, following[1])
        except ValueError:
            url = ""
        if not url.startswith(f"{host.exchange.origin}/v2/"):
            raise host.peer.wrong(call.doing, "continues its list at another place")
        if url in seen:
            raise host.peer.wrong(call.doing, "sent a list that goes round in a circle")
        if size > _LIST_LIMIT:
            raise host.peer.wrong(call.doing, f"sent a list of more than {_LIST_LIMIT >> 20} MiB")
        call = replace(call, url=url)
    raise host.peer.wrong(call.doing, f"sent a list of more than {_PAGES} pages")
