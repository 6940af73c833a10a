"""What a file's stat says of its identity, and when that may be believed.

In: stat results and the file system's clock. Out: `Stamp`, equal for as long as nothing has touched the file, and the
rule of racy git: a file written in the very tick in which it was read may change again without a new stamp.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from buildkit.errors import BuildFailure
from buildkit.records import dataclass

GRANULARITY_NS = 2_000_000_000
"""The coarsest clock of file systems in use (FAT counts in two seconds)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file's identity by stat. ctime is in it because `mv` and `touch -d` preserve or forge mtime."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp in a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)

    def young(self, now_ns: int, margin_ns: int = GRANULARITY_NS) -> bool:
        """Whether the file was touched so shortly before `now_ns` that a later write could leave the stamp as it is."""
        return max(self.mtime_ns, self.ctime_ns) >= now_ns - margin_ns


def stamp_now(path: Path) -> Stamp | None:
    """The stamp of a regular file as it is on disk now (symlinks followed), or None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def check_regular(path: Path, status: os.stat_result) -> None:
    """Raise BuildFailure unless `status`, which is that of `path`, is a regular file's."""
    if stat.S_ISREG(status.st_mode):
        return
    found = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, socket or pipe"
    raise BuildFailure(f"cannot read '{path}': expected a file, found {found}")
