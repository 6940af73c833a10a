"""The host's system folders as a root, for actions that say `root = "host"`.

In: the machine. Out: the binds and links that make `/` of them. Homes, sockets, temporary folders and devices are
not among them.
"""

from __future__ import annotations

from pathlib import Path

from buildkit.execution.sandbox.request import Bind

FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/gnu/store")


def system_binds() -> list[Bind]:
    """The system folders that are folders, at their own places."""
    return [Bind(name, Path(name)) for name in FOLDERS if Path(name).is_dir() and not Path(name).is_symlink()]


def system_links() -> list[tuple[str, str]]:
    """The system folders that are symbolic links (`/bin` to `usr/bin`), as (path, target)."""
    return [(name, str(Path(name).readlink())) for name in FOLDERS if Path(name).is_symlink()]
