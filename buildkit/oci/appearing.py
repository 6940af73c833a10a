"""Files and folders that have their name only when they are whole.

In: the path that is wanted. Out: something to write to, beside it, which gets the name when the block ends well and
leaves nothing when it does not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from buildkit.errors import BuildError, EnvironmentFault


def reason(error: OSError) -> str:
    """What the system says is wrong, as part of a sentence."""
    return os.strerror(error.errno).lower() if error.errno else str(error)


@contextmanager
def new_file(path: Path, what: str) -> Iterator[BinaryIO]:
    """A file; one that is there is replaced. Faults of the disk are EnvironmentFaults that say `what` it is."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_dir():
            raise EnvironmentFault(f"cannot write the {what} '{path}': is a directory")
        with partial.open("wb") as target:
            yield target
        partial.rename(path)
    except OSError as error:
        raise EnvironmentFault(f"cannot write the {what} '{path}': {reason(error)}") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, what: str) -> Iterator[Path]:
    """An empty folder, in place of one that is missing or empty. Raises BuildError where something is there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if os.path.lexists(path) and (not path.is_dir() or any(path.iterdir())):
            raise BuildError(
                f"cannot write the {what} to '{path}': it is not an empty folder",
                hint="name a folder that is not there yet, or empty it",
            )
        partial.mkdir(mode=0o700, parents=True)
        yield partial
        partial.rename(path)
    except OSError as error:
        raise EnvironmentFault(f"cannot write the {what} '{path}': {reason(error)}") from error
    finally:
        _remove(partial)


def _remove(folder: Path) -> None:
    """Remove a folder and all in it, read-only folders too."""
    for top, names, _ in os.walk(folder):
        for name in names:
            if not Path(top, name).is_symlink():
                Path(top, name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
