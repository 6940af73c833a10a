"""No sandbox: for machines whose kernel allows none, and users who say so.

In: a `Command`. Out: an `Ended`. What works: commands in the host's own root; and, for the superuser, commands in a
root of layers, by chroot into a copy. What is lost: the network, sockets, other files and processes of the machine can
be reached (in the host's root), and /proc and /sys are not there (in a root of layers). Hence results are never shared.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from buildkit.errors import EnvironmentFault
from buildkit.execution.sandbox.process import Watched, watch
from buildkit.execution.sandbox.request import USER, WORK, Bind, Command, Ended, Log
from buildkit.records import dataclass

# Not imported: it is a program of its own.
CHROOT = Path(__file__).with_name("chroot.py")


@dataclass(frozen=True, slots=True)
class NoSandbox:
    """Runs commands as they are."""

    kind: str = "none"

    def run(self, command: Command, log: Log, stop: threading.Event) -> Ended:
        """See `Sandbox.run`; `network` is as if always true."""
        if command.root.folder is None:
            argv, folder, environment = _on_host(command)
        else:
            argv, folder, environment = (
                _in_copy(command),
                Path("/"),
                dict(command.environment) | {"PWD": command.folder},
            )
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
                env=environment,
                umask=0o022,
            )
        except (FileNotFoundError, PermissionError) as error:
            log(f"cannot run '{argv[0]}': {error.strerror}\n".encode())
            return Ended(127)
        watched = watch(
            process,
            log,
            stop,
            timeout=command.timeout,
            grace=command.grace,
            terminate=process.terminate,
            kill=lambda: _kill(process),
        )
        _kill(process)
        _bring_back(command)
        if watched is not Watched.ENDED:
            return Ended(-1, timed_out=watched is Watched.TIMED_OUT, stopped=watched is Watched.STOPPED)
        code = process.returncode
        return Ended(code) if code >= 0 else Ended(-1, signal=-code)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it left in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _on_host(command: Command) -> tuple[list[str], Path, dict[str, str]]:
    """The command with its working folder where it really is, since nothing can be mounted at /build."""
    work = _source(command, WORK)
    for bind in command.mounts:
        # A mount elsewhere is the machine's own file at that place or cannot be had; never touch what is there.
        if bind.path.startswith(f"{WORK}/"):
            _link(bind, work / bind.path.removeprefix(f"{WORK}/"))
    folder = work if command.folder == WORK else Path(command.folder)
    environment = {name: _moved(value, work) for name, value in command.environment}
    return [_moved(word, work) for word in command.argv], folder, environment | {"PWD": str(folder)}


def _link(bind: Bind, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    target.unlink(missing_ok=True)
    target.symlink_to(bind.source)


def _moved(text: str, work: Path) -> str:
    inside = text == WORK or text.startswith(f"{WORK}/")
    return f"{work}{text.removeprefix(WORK)}" if inside else text


def _in_copy(command: Command) -> list[str]:
    """The command line that enters a copy of the root: hard links would let a superuser's command change the store."""
    if os.geteuid() != 0:
        raise _superuser_needed()
    assert command.root.folder is not None
    copy = command.scratch / "root"
    shutil.copytree(command.root.folder, copy, symlinks=True)
    for bind in (*command.root.binds, *command.mounts):
        _copy_in(bind, copy)
    (copy / "tmp").chmod(0o1777)
    null = copy / "dev" / "null"
    with suppress(PermissionError):
        os.mknod(null, 0o666 | 0o020000, os.makedev(1, 3))
        null.chmod(0o666)
    return [sys.executable, "-I", "-S", str(CHROOT), str(copy), str(USER), command.folder, *command.argv]


def _superuser_needed() -> EnvironmentFault:
    return EnvironmentFault(
        "without a sandbox only the superuser can run a command in a root of layers",
        hint="let the kernel allow user namespaces and leave out --sandbox=none, or run mbuild as root",
    )


def _copy_in(bind: Bind, copy: Path) -> None:
    target = copy / bind.path.lstrip("/")
    if bind.source.is_dir():
        shutil.copytree(bind.source, target, symlinks=True, dirs_exist_ok=True)
        if bind.writable:
            try:
                os.chown(target, USER, USER)
            except OSError as error:
                # The superuser of a namespace that has no other user.
                raise _superuser_needed() from error
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(bind.source, target)
        target.chmod(0o555)


def _bring_back(command: Command) -> None:
    """Move what a command left in a copy's writable folders to where the caller looks."""
    if command.root.folder is None:
        return
    for bind in command.mounts:
        if bind.writable:
            made = command.scratch / "root" / bind.path.lstrip("/")
            shutil.copytree(made, bind.source, symlinks=True, dirs_exist_ok=True)


def _source(command: Command, path: str) -> Path:
    return next((bind.source for bind in command.mounts if bind.path == path), command.scratch)
