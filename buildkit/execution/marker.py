"""What makes this machine's own results its own.

In: a store's folder. Out: a text that no other machine has. It enters the keys of actions that use the host's programs,
so that no cache that machines share can give one's result to another.
"""

from __future__ import annotations

import platform
import secrets
from contextlib import suppress
from pathlib import Path

from buildkit.store.faults import writing

MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")


def machine_marker(root: Path) -> str:
    """The store's random mark, made when first asked for, with the system's own identity: stores get copied."""
    path = root / "machine"
    with writing("this machine's mark", root):
        root.mkdir(parents=True, exist_ok=True)
        try:
            mark = path.read_text()
        except FileNotFoundError:
            mark = _make(path)
    return " ".join((mark, _system(), platform.node()))


def _make(path: Path) -> str:
    """Of two processes that make it at once, one's mark stays."""
    draft = path.with_name(f"machine.{secrets.token_hex(8)}")
    draft.write_text(secrets.token_hex(16))
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_text()


def _system() -> str:
    for name in MACHINE_IDS:
        try:
            return Path(name).read_text().strip()
        except OSError:
            continue
    return ""
