"""Files and folders that have their name only when they are whole.

In: the path that is wanted. Out: something to write to, beside it, which gets the name when the block ends well and
leaves nothing when it does not. Of a process that was killed something is left; the next one that wants the same path
uses it. Two who want the same path do so one after the other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from buildkit.errors import BuildError, EnvironmentFault

# Read and write: opening a pipe that somebody put there does not wait for a reader.
_OURS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def reason(error: OSError) -> str:
    """What the system says is wrong, as part of a sentence."""
    return os.strerror(error.errno).lower() if error.errno else str(error)


@contextmanager
def new_file(path: Path, what: str) -> Iterator[BinaryIO]:
    """A file; one that is there is replaced. Faults of the disk, and a device or a pipe that is there, are
    EnvironmentFaults that say `what` it is.
    """
    try:
        if path.exists() and not path.is_file():
            found = "is a directory" if path.is_dir() else "is no ordinary file"
            raise EnvironmentFault(f"cannot write the {what} '{path}': {found}")
        partial = partial_of(path)
        with _held(partial, lambda: os.open(partial, _OURS, 0o666)) as descriptor:
            try:
                with open(descriptor, "wb", closefd=False) as target:
                    target.truncate()
                    yield target
                    settle(target)
                partial.rename(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise EnvironmentFault(f"cannot write the {what} '{path}': {reason(error)}") from error


@contextmanager
def new_folder(path: Path, what: str) -> Iterator[Path]:
    """An empty folder, in place of one that is missing or empty. Raises BuildError where something is there."""
    try:
        _check_free(path, what)
        partial = partial_of(path)
        with _held(partial, lambda: _folder_at(partial)):
            try:
                _empty(partial)
                yield partial
                partial.rename(path)
            except BaseException:
                _remove(partial)
                raise
    except OSError as error:
        raise EnvironmentFault(f"cannot write the {what} '{path}': {reason(error)}") from error


def _folder_at(path: Path) -> int:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)


def partial_of(path: Path) -> Path:
    """What a file or folder is called until it is whole: always the same, so that what a killed process left there is
    used by the next one, and never grows.
    """
    return path.with_name(f".{path.name}.partial")


def settle(file: BinaryIO) -> None:
    """Have all bytes on the disk: a name must not be there before them, should the machine fail."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _held(partial: Path, opened: Callable[[], int]) -> Iterator[int]:
    """A descriptor of what no other process writes to. The system lets go of it when a process dies."""
    while True:
        descriptor = opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(partial, descriptor):  # else whoever had it has given it its name, or removed it
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _check_free(path: Path, what: str) -> None:
    if os.path.lexists(path) and (not path.is_dir() or any(path.iterdir())):
        raise BuildError(
            f"cannot write the {what} to '{path}': it is not an empty folder",
            hint="name a folder that is not there yet, or empty it",
        )


def _empty(folder: Path) -> None:
    folder.chmod(0o700)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            _remove(entry)
        else:
            entry.unlink()


def _remove(folder: Path) -> None:
    """Remove a folder and all in it, read-only folders too."""
    folder.chmod(0o700)
    for top, names, _ in os.walk(folder):
        for name in names:
            if not Path(top, name).is_symlink():
                Path(top, name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
