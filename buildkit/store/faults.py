"""Troubles of disk and permission, told as what was being done and what to do next.

In: an OSError (or sqlite's word for one). Out: `EnvironmentFault`, or `BuildFailure` where a source is just not there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buildkit.errors import BuildFailure, EnvironmentFault

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@contextmanager
def writing(what: str, place: Path) -> Iterator[None]:
    """Turn any OSError inside into an EnvironmentFault: `what` was being written below `place`."""
    try:
        yield
    except OSError as error:
        raise write_fault(what, place, error.errno or 0) from error


def write_fault(what: str, place: Path, number: int) -> EnvironmentFault:
    """The fault for a write that failed with errno `number`."""
    if number in _FULL:
        hint = "free some space there, or choose another folder with --cache-dir"
    elif number in FORBIDDEN:
        hint = "make the folder writable for you, or choose another one with --cache-dir"
    else:
        hint = "check the disk, or choose another folder with --cache-dir"
    return EnvironmentFault(f"cannot write {what} below '{place}': {_reason(number)}", hint=hint)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any OSError inside into an error that names the source file `path`."""
    try:
        yield
    except OSError as error:
        reason = _reason(error.errno or 0)
        if error.errno in _ABSENT:
            raise BuildFailure(f"cannot read '{path}': {reason}", hint="was it moved or deleted?") from error
        raise EnvironmentFault(f"cannot read '{path}': {reason}", hint="check its permissions and the disk") from error


def _reason(number: int) -> str:
    return os.strerror(number).lower() if number else "input/output error"
