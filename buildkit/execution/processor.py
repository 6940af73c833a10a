"""Why a program of a root does not start: it is for another processor than this machine's.

In: a root, and a command's first word. Out: the names of both processors, or nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from buildkit.execution.sandbox.request import Root

_NAMES = {0x3E: "amd64", 0xB7: "arm64"}  # ELF, e_machine
_OWN = Path("/proc/self/exe")
_LINKS = 20


def foreign(root: Root, program: str, own: Path = _OWN) -> tuple[str, str] | None:
    """The processor of a program and that of this machine, where these differ; None where nothing tells."""
    if root.folder is None or not program.startswith("/"):
        return None
    wanted, here = _machine(_inside(root.folder, program)), _machine(own)
    return (_named(wanted), _named(here)) if wanted and here and wanted != here else None


def _named(machine: int) -> str:
    return _NAMES.get(machine, f"ELF machine {machine}")


def _inside(root: Path, path: str) -> Path | None:
    """Where a path leads below a root; links are followed as they would be there."""
    for _ in range(_LINKS):
        done, rest = Path("/"), Path(os.path.normpath(path)).parts[1:]
        for position, part in enumerate(rest):
            place = root / (done / part).relative_to("/")
            if place.is_symlink():
                path = os.path.normpath(done / place.readlink() / Path(*rest[position + 1 :]))
                break
            done /= part
        else:
            return root / done.relative_to("/")
    return None


def _machine(path: Path | None) -> int | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except OSError:
        return None
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    return int.from_bytes(head[18:20], "big" if head[5] == 2 else "little")
