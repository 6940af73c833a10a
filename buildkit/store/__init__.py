"""Bytes by digest, source files by stat, results of actions by key.

In: bytes, paths, recipes. Out: digests, and the bytes again, verified.
"""

from buildkit.store.actions import ActionCache, ActionResult, DiskActionCache
from buildkit.store.blobs import BlobStore, BlobWriter, is_promise
from buildkit.store.disk import DiskStore
from buildkit.store.hashing import hash_stream_with_sources
from buildkit.store.keyed import KeyedFiles, SpareFiles
from buildkit.store.memory import MemoryActionCache, MemoryStore

__all__ = [
    "BlobStore",
    "BlobWriter",
    "is_promise",
    "DiskStore",
    "MemoryStore",
    "ActionCache",
    "ActionResult",
    "DiskActionCache",
    "MemoryActionCache",
    "KeyedFiles",
    "SpareFiles",
    "hash_stream_with_sources",
]
