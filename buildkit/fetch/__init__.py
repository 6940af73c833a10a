"""File names and digests → blobs, over the indexes and mirrors of this machine."""

from buildkit.fetch.fetching import fetch
from buildkit.fetch.network import Network
from buildkit.fetch.request import FetchRequest, Source
from buildkit.fetch.sources import Sources

__all__ = ["fetch", "FetchRequest", "Source", "Sources", "Network"]
