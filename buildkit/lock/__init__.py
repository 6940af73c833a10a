"""Resolve once, write the lock: Python wheels by uv, Debian packages from a signed suite."""

from buildkit.lock.checking import check, write

__all__ = ["check", "write"]
