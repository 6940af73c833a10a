"""The sandbox of the kernel's own means: user, mount, pid, network, ipc, host name and cgroup namespaces.

In: a `Command`. Out: an `Ended`. The work is done by `launcher.py` in a process of its own, since only a
single-threaded process can enter a user namespace; this file writes its request and reads its report. It needs no
program but the Python that runs mbuild, and no privilege.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from buildkit.errors import EnvironmentFault
from buildkit.execution.sandbox.host import system_binds, system_links
from buildkit.execution.sandbox.process import Watched, watch
from buildkit.execution.sandbox.request import HOSTNAME, USER, Command, Ended, Log
from buildkit.records import dataclass

# Not imported: it is a program of its own.
LAUNCHER = Path(__file__).with_name("launcher.py")

REASONS = {
    "unshare": "the kernel refuses new namespaces",
    "/proc/self/uid_map": "the kernel refuses to map users",
}


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Runs commands in namespaces made for each of them."""

    kind: str = "namespaces"

    def run(self, command: Command, log: Log, stop: threading.Event) -> Ended:
        """See `Sandbox.run`."""
        reader, writer = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(writer)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        with open(reader, "rb") as status:  # noqa: PTH123 - a descriptor, not a path
            _send(process, _request(command))
            ended = watch(
                process,
                log,
                stop,
                timeout=command.timeout,
                grace=command.grace,
                terminate=lambda: process.send_signal(signal.SIGTERM),
                kill=process.kill,
            )
            return _verdict(ended, status.read(), command, log)


def _request(command: Command) -> bytes:
    stage = command.scratch / "root"
    stage.mkdir(exist_ok=True)
    host = command.root.folder is None
    binds = (*(system_binds() if host else ()), *command.root.binds, *command.mounts)
    request = {
        "parent": os.getpid(),
        "stage": str(stage),
        "root": None if host else str(command.root.folder),
        "links": system_links() if host else [],
        "binds": [[str(bind.source), bind.path, bind.writable] for bind in binds],
        "argv": command.argv,
        # bwrap sets PWD, whether asked to or not; so that no result differs by kind, so do we.
        "environment": dict(command.environment) | {"PWD": command.folder},
        "folder": command.folder,
        "network": command.network,
        "user": USER,
        "hostname": HOSTNAME,
    }
    return json.dumps(request).encode()


def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(request)


def _verdict(watched: Watched, report: bytes, command: Command, log: Log) -> Ended:
    if watched is not Watched.ENDED:
        return Ended(-1, timed_out=watched is Watched.TIMED_OUT, stopped=watched is Watched.STOPPED)
    message = json.loads(report.splitlines()[0]) if report else {"signal": int(signal.SIGKILL)}
    if "fault" not in message:
        return Ended(int(message.get("exit", -1)), int(message.get("signal", 0)))
    what, number = str(message["fault"]), int(message["errno"])
    if what == "exec":
        log(f"cannot run '{command.argv[0]}': {os.strerror(number)}\n".encode())
        return Ended(127 if number == errno.ENOENT else 126)
    reason = REASONS.get(what, what.replace(str(command.scratch / "root"), "") or "/")
    raise EnvironmentFault(f"cannot make a sandbox: {reason}: {os.strerror(number).lower()}")
