"""Small files by key, each with its own checksum: the form of the action cache and of the cache of parsed files.

In: keys and bytes. Out: the bytes, or None where they are missing, cut off or damaged; never a fault at reading.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from buildkit.digest import Key
from buildkit.errors import EnvironmentFault
from buildkit.store.faults import writing
from buildkit.store.scratch import Scratch


def seal(kind: str, payload: bytes) -> bytes:
    """The payload below a line that names its kind and its checksum."""
    return f"mbuild {kind} {blake3(payload).hexdigest()}\n".encode() + payload


def unseal(kind: str, sealed: bytes) -> bytes | None:
    """The payload of what `seal` made, or None for anything else."""
    line, _, payload = sealed.partition(b"\n")
    return payload if line == f"mbuild {kind} {blake3(payload).hexdigest()}".encode() else None


def replace_file(path: Path, data: bytes, scratch: Scratch, *, mode: int) -> None:
    """Write a file that appears whole. Not synced: its checksum tells if the machine stopped. Raises OSError."""
    temporary = scratch.path()
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class KeyedFiles:
    """`<root>/<folder>/ab/<key>`: idempotent, atomic, verified; the folder is its user's alone."""

    def __init__(self, root: Path, folder: str, scratch: Scratch | None = None) -> None:
        self._root = root
        self._folder = folder
        self._scratch = scratch or Scratch(root)
        _make_private(root / folder)

    def get(self, key: Key) -> bytes | None:
        """What was put under the key, or None; an unreadable file is a missing one."""
        try:
            sealed = self._path(key).read_bytes()
        except OSError:
            return None
        return unseal(self._folder, sealed)

    def put(self, key: Key, data: bytes) -> None:
        """Keep data under a key, instead of what was there."""
        with writing(f"the folder '{self._folder}'", self._root):
            replace_file(self._path(key), seal(self._folder, data), self._scratch, mode=0o600)

    def _path(self, key: Key) -> Path:
        return self._root / self._folder / key.hex[:2] / key.hex


class SpareFiles:
    """The same for what only saves time: after a fault of the disk, told once, nothing more is kept."""

    def __init__(self, root: Path, folder: str, tell: Callable[[EnvironmentFault], None]) -> None:
        self._tell = tell
        self._keeping = True
        self._files: KeyedFiles | None = None
        with self._spared():
            self._files = KeyedFiles(root, folder)

    def get(self, key: Key) -> bytes | None:
        """What was put under the key, or None."""
        return self._files.get(key) if self._files else None

    def put(self, key: Key, data: bytes) -> None:
        """Keep data under a key, if the disk lets us."""
        if self._files and self._keeping:
            with self._spared():
                self._files.put(key, data)

    @contextmanager
    def _spared(self) -> Iterator[None]:
        try:
            yield
        except EnvironmentFault as fault:
            self._keeping = False
            self._tell(fault)


def _make_private(folder: Path) -> None:
    """Cached code and results are only taken from a folder that nobody else can write to."""
    with writing(f"the folder '{folder.name}'", folder.parent):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.geteuid() and status.st_mode & 0o077:
            folder.chmod(0o700)
    if status.st_uid != os.geteuid():
        raise EnvironmentFault(
            f"the cache folder '{folder}' belongs to another user", hint="choose a folder of your own with --cache-dir"
        )
