"""The sandbox of bubblewrap, for machines that have it: its profile may be allowed what others are not.

In: a `Command`. Out: an `Ended`. Everything that `namespaces.py` promises, said in the options of `bwrap`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from buildkit.errors import EnvironmentFault
from buildkit.execution.sandbox.host import system_binds, system_links
from buildkit.execution.sandbox.process import Watched, watch
from buildkit.execution.sandbox.request import HOSTNAME, USER, Bind, Command, Ended, Log
from buildkit.records import dataclass

PROGRAM = "bwrap"

# bwrap covers these only if the folders themselves look writable; the superuser's files inside are.
STEERING = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Runs commands under `program`."""

    program: str = PROGRAM
    kind: str = "bubblewrap"

    def run(self, command: Command, log: Log, stop: threading.Event) -> Ended:
        """See `Sandbox.run`."""
        program = shutil.which(self.program) or self.program  # Popen would look on the command's PATH
        reader, writer = os.pipe()
        try:
            process = subprocess.Popen(
                [program, *_options(command), "--json-status-fd", str(writer), "--", *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
                cwd="/",
                env={"PATH": dict(command.environment).get("PATH", os.defpath)},
                umask=0o022,
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        said = bytearray()

        def note(data: bytes) -> None:
            said.extend(data[: 4096 - len(said)])
            log(data)

        with open(reader, "rb", buffering=0) as status:  # noqa: PTH123 - a descriptor, not a path
            facts = _Facts(status.fileno())
            watched = watch(
                process,
                note,
                stop,
                timeout=command.timeout,
                grace=command.grace,
                terminate=lambda: _terminate(facts.read().get("child-pid")),
                kill=process.kill,
            )
            return _verdict(watched, facts.read(), bytes(said))


def _options(command: Command) -> list[str]:
    host = command.root.folder is None
    options = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    options += [] if command.network else ["--unshare-net"]
    options += ["--uid", str(USER), "--gid", str(USER), "--hostname", HOSTNAME, "--cap-drop", "ALL"]
    options += ["--die-with-parent", "--new-session", "--clearenv"]
    for name, value in command.environment:
        options += ["--setenv", name, value]
    options += [] if host else ["--ro-bind", str(command.root.folder), "/"]
    for path, target in system_links() if host else ():
        options += ["--symlink", target, path]
    for bind in system_binds() if host else ():
        options += _bind(bind)
    options += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    options += ["--perms", "1777", "--tmpfs", "/dev/shm"]
    for name in STEERING:
        options += ["--ro-bind-try", name, name]
    for bind in (*command.root.binds, *command.mounts):
        options += _bind(bind)
    options += ["--remount-ro", "/", "--remount-ro", "/dev"]
    return [*options, "--chdir", command.folder]


def _bind(bind: Bind) -> list[str]:
    return ["--bind" if bind.writable else "--ro-bind", str(bind.source), bind.path]


class _Facts:
    """What bwrap has said so far on its status descriptor, one JSON object a line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._text = b""
        os.set_blocking(descriptor, False)

    def read(self) -> dict[str, int]:
        with suppress(BlockingIOError):
            while data := os.read(self._descriptor, 65536):
                self._text += data
        facts: dict[str, int] = {}
        for line in self._text.splitlines():
            with suppress(ValueError):
                facts |= json.loads(line)
        return facts


def _terminate(first: int | None) -> None:
    """Ask the command to end: it is the child of the namespace's first process, which would not pass a signal on."""
    for pid in _children(first) if first else ():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def _children(pid: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # The fields after the command's name, which may hold anything: state, then the parent.
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    yield int(entry.name)


def _verdict(watched: Watched, facts: dict[str, int], said: bytes) -> Ended:
    if watched is not Watched.ENDED:
        return Ended(-1, timed_out=watched is Watched.TIMED_OUT, stopped=watched is Watched.STOPPED)
    if "exit-code" not in facts:
        if b"bwrap: execvp" in said:
            return Ended(127)
        reason = said.decode("utf-8", "replace").strip().removeprefix("bwrap: ") or "bwrap ended without a word"
        raise EnvironmentFault(f"cannot make a sandbox: {reason}")
    code = facts["exit-code"]
    # bwrap, like a shell, says 128 + n for signal n.
    return Ended(-1, signal=code - 128) if code - 128 in set(signal.valid_signals()) else Ended(code)
