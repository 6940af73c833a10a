"""Resolve once, write the lock: Python wheels by uv, Debian packages from a signed suite, base images by a registry."""

from buildkit.lock.checking import check, write

__all__ = ["check", "write"]
