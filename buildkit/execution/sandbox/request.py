"""What a sandbox is asked, and what it answers.

In: a `Command` (what to run, in which root, with which mounts). Out: an `Ended` (how it ended). What it printed goes
to a callback as it comes, standard output and standard error in one stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from buildkit.records import dataclass

WORK = "/build"
OUT = "/build/out"
USER = 1000
HOSTNAME = "mbuild"


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the machine that is seen at `path`; read-only unless `writable`."""

    path: str
    source: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Root:
    """What is `/`: a folder, and big files bound into it. Without a folder it is made of the host's system folders."""

    folder: Path | None
    binds: tuple[Bind, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and the whole of its environment; nothing is inherited.

    `scratch` is a private folder that exists and is thrown away by the caller. `grace` is how many seconds pass
    between SIGTERM and SIGKILL when the command is stopped; 0 kills at once.
    """

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    root: Root
    scratch: Path
    mounts: tuple[Bind, ...] = ()
    folder: str = WORK
    network: bool = False
    timeout: float | None = None
    grace: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, or the signal that ended it, or that its time was over, or it was stopped."""

    exit_code: int
    signal: int = 0
    timed_out: bool = False
    stopped: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with exit code 0."""
        return self == Ended(0)


Log = Callable[[bytes], None]


class Sandbox(Protocol):
    """Runs a command in a root, where it sees its mounts and nothing else of the machine."""

    @property
    def kind(self) -> str:
        """`bubblewrap`, `namespaces` or `none`; results of `none` are never shared between machines."""

    def run(self, command: Command, log: Log, stop: threading.Event) -> Ended:
        """Run to the end, and end with mbuild. Setting `stop` ends it. Raises EnvironmentFault if it cannot start."""
