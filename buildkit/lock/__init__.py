"""Resolve once, write the lock: Python wheels by uv, Debian packages from a frozen suite."""
