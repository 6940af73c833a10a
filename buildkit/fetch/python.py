"""A locked wheel: where this machine's indexes and find-links places have a file of exactly that name.

In: a request and the sources. Out: places to fetch it from, local ones first. Touches the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from buildkit.errors import EnvironmentFault
from buildkit.fetch.address import local_path
from buildkit.fetch.network import Network
from buildkit.fetch.request import FetchRequest
from buildkit.fetch.simple_index import Link, found_links, project_links
from buildkit.fetch.sources import Sources


def wheel_places(
    request: FetchRequest, sources: Sources, faults: list[EnvironmentFault], *, offline: bool
) -> Iterator[str]:
    """URLs of files with the locked name; those that an index itself says to be other bytes come last.

    An index that does not answer adds to `faults`: the others are still asked.
    """
    doubtful: list[str] = []
    for link in _links(request, sources, faults, offline):
        if link.filename != request.filename:
            continue
        if link.sha256 in (None, request.sha256):
            yield link.url
        else:
            doubtful.append(link.url)
    yield from doubtful


def _links(request: FetchRequest, sources: Sources, faults: list[EnvironmentFault], offline: bool) -> Iterator[Link]:
    network = sources.network
    places = [(place.url, partial(found_links, place.url)) for place in sources.python_places()]
    indexes = [(index.url, partial(project_links, index.url, request.name)) for index in sources.python_indexes()]
    local, remote = _divided([*places, *indexes])
    for links in local if offline else local + remote:
        try:
            yield from links(network)
        except EnvironmentFault as fault:
            faults.append(fault)


_Offer = Callable[[Network], tuple[Link, ...]]


def _divided(offers: Sequence[tuple[str, _Offer]]) -> tuple[list[_Offer], list[_Offer]]:
    """What this machine itself offers, and what lies behind a network."""
    local = [offer for url, offer in offers if local_path(url)]
    return local, [offer for url, offer in offers if not local_path(url)]
