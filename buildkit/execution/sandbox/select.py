"""Which sandbox this machine can have.

In: what the user asked for (`auto`, `bubblewrap`, `namespaces`, `none`). Out: a sandbox that works here, or an
EnvironmentFault that names the setting to change. A kind is tried with the smallest command before it is believed, and
that only when there is a command to run: a build that runs none needs no sandbox.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from buildkit.errors import BuildError, EnvironmentFault, did_you_mean
from buildkit.execution.sandbox.bubblewrap import PROGRAM, Bubblewrap
from buildkit.execution.sandbox.namespaces import Namespaces
from buildkit.execution.sandbox.none import NoSandbox
from buildkit.execution.sandbox.request import Command, Ended, Log, Root, Sandbox

KINDS = ("auto", "bubblewrap", "namespaces", "none")

# Kernel settings that forbid user namespaces: the file, the value that forbids, what to set.
SETTINGS = (
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)


def select_sandbox(kind: str) -> Sandbox:
    """The sandbox of a kind; `auto` takes bubblewrap where it is installed and works, else namespaces."""
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"the sandboxes are: {', '.join(KINDS)}"
        raise BuildError(f"unknown sandbox '{kind}'", hint=hint)
    return NoSandbox() if kind == "none" else Selected(kind)


class Selected:
    """A sandbox that is chosen when its first command comes; what fails then, fails for every command."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._choice: Sandbox | None = None
        self._lock = threading.Lock()

    def run(self, command: Command, log: Log, stop: threading.Event) -> Ended:
        """See `Sandbox.run`."""
        with self._lock:
            if self._choice is None:
                self._choice = choose(self.kind)
        return self._choice.run(command, log, stop)


def choose(
    kind: str,
    *,
    find: Callable[[str], str | None] = shutil.which,
    candidates: Sequence[Sandbox] = (),
    settings: Path = Path("/proc/sys"),
) -> Sandbox:
    """The first sandbox of `bubblewrap`, `namespaces` or (`auto`) both that works here; raises EnvironmentFault."""
    faults = []
    for candidate in candidates or _candidates(kind, find(PROGRAM)):
        fault = _fault(candidate)
        if fault is None:
            return candidate
        faults.append(fault)
    raise EnvironmentFault(faults[-1].message, hint=_cure(settings))


def _candidates(kind: str, program: str | None) -> list[Sandbox]:
    if kind == "bubblewrap" and program is None:
        raise EnvironmentFault(
            "bubblewrap is not installed: 'bwrap' is not on the PATH",
            hint="install the package 'bubblewrap', or use --sandbox=auto",
        )
    kinds: Mapping[str, list[Sandbox]] = {
        "bubblewrap": [Bubblewrap(program)] if program else [],
        "namespaces": [Namespaces()],
    }
    return kinds[kind] if kind in kinds else [*kinds["bubblewrap"], *kinds["namespaces"]]


def _fault(sandbox: Sandbox) -> EnvironmentFault | None:
    """What stands in the way of the smallest command, or None."""
    with tempfile.TemporaryDirectory(prefix="mbuild-") as scratch:
        probe = Command(("true",), (("PATH", "/usr/bin:/bin"),), Root(None), Path(scratch), folder="/", timeout=30)
        try:
            ended = sandbox.run(probe, lambda data: None, threading.Event())
        except EnvironmentFault as fault:
            return fault
    return None if ended.ok or ended.exit_code == 127 else EnvironmentFault(f"a sandboxed command ended with {ended}")


def _cure(settings: Path) -> str:
    for name, forbidding, cure in SETTINGS:
        try:
            found = (settings / name).read_text().strip()
        except OSError:
            continue
        if found == forbidding:
            return f"allow it with 'sysctl -w {cure}' as root, or use --sandbox=none (results are then not shared)"
    return (
        "mbuild needs user namespaces: in a container allow 'unshare' and 'mount' and an unmasked /proc "
        "(seccomp and AppArmor unconfined), or use --sandbox=none (results are then not shared)"
    )
