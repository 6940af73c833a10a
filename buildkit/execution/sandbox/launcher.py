"""Enters namespaces and runs one command there; executed as a script in a fresh, single-threaded interpreter.

In: a JSON request on standard input (see `namespaces.py`), the number of a status descriptor as argument. Out: one
JSON line on that descriptor: `{"exit": n}`, `{"signal": n}`, or `{"fault": what, "errno": n}`. It imports nothing of
mbuild's, so that it runs as `python -I -S launcher.py`.

Three processes take part: the outer one waits and passes SIGTERM on; the second is number 1 of a new pid namespace,
makes the root and reaps; the third goes into a second user namespace, in which it has no capability, and becomes the
command. Each ends with the one before it.
"""

# Paths are texts here: importing pathlib would make each start slower.
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH120, PTH123, PTH211

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import warnings  # noqa: F401 - os.execvpe asks for it, when another root hides the library
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME = 1, 2, 4, 8, 1024, 2048
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 32, 1 << 12, 1 << 14, 1 << 18, 1 << 21
ST_RELATIME = 4096  # statvfs says it with another bit than mount takes; the rest agree
MNT_DETACH, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 2, 1, 38
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
SYS_PIVOT_ROOT = {"x86_64": 155}.get(os.uname().machine, 41)
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)
Spec = dict[str, Any]


def main() -> None:
    """Enter the namespaces, start their first process, wait for it."""
    status = int(sys.argv[1])
    os.umask(0o022)
    os.set_inheritable(status, False)
    spec: Spec = json.load(sys.stdin.buffer)
    try:
        enter(spec["network"])
        die_with_parent()
        if os.getppid() != spec["parent"]:
            os._exit(1)
        supervise(spec, status)
    except OSError as error:
        report(status, {"fault": str(error.filename or "namespaces"), "errno": error.errno})
        os._exit(1)


def enter(network: bool) -> None:
    """Go into new namespaces; inside, the caller's user is root."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        # A superuser of a namespace may not be allowed to; its groups mean nothing inside either.
        with contextlib.suppress(PermissionError):
            os.setgroups([])
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
    call(libc.unshare(flags | (0 if network else CLONE_NEWNET)), "unshare")
    map_user(0, uid, 0, gid)


def map_user(inside_uid: int, outside_uid: int, inside_gid: int, outside_gid: int) -> None:
    """Give one user and one group a name in the user namespace just entered."""
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{inside_uid} {outside_uid} 1")
    write("/proc/self/gid_map", f"{inside_gid} {outside_gid} 1")


def supervise(spec: Spec, status: int) -> NoReturn:
    """Start the namespace's first process, pass SIGTERM on to it, end as it ends."""
    alive, keep = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(keep)
        die_with_parent()
        if select.select([alive], [], [], 0)[0]:
            os._exit(1)
        guarded(status, lambda: first(spec, status))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)


def first(spec: Spec, status: int) -> None:
    """Be process 1: make the root, start the command, reap until it has ended."""
    make_root(spec)
    if not spec["network"]:
        raise_loopback()
    name = spec["hostname"].encode()
    call(libc.sethostname(name, len(name)), "sethostname")
    child = os.fork()
    if child == 0:
        guarded(status, lambda: become(spec))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        pid, wait_status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(wait_status)
            report(status, {"exit": code} if code >= 0 else {"signal": -code})
            os._exit(0)


def make_root(spec: Spec) -> None:
    """Mount everything below `stage` and make that `/`."""
    stage = os.path.realpath(spec["stage"])
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    if spec["root"] is None:
        mount("tmpfs", stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    else:
        bind(spec["root"], stage, writable=False)
    for path, target in spec["links"]:
        os.symlink(target, stage + path)
    make_proc(stage + "/proc")
    make_dev(stage + "/dev")
    make_mount_point(stage + "/tmp", folder=True)
    mount("tmpfs", stage + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for source, path, writable in spec["binds"]:
        make_mount_point(stage + path, folder=os.path.isdir(source))
        bind(source, stage + path, writable)
    if spec["root"] is None:
        mount(None, stage, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(stage)
    call(libc.syscall(SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
    call(libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/")


def make_proc(target: str) -> None:
    """Mount the namespace's own processes; what steers the whole machine is covered read-only."""
    make_mount_point(target, folder=True)
    mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in ("sys", "sysrq-trigger", "irq", "bus"):
        if os.path.exists(f"{target}/{name}"):
            bind(f"{target}/{name}", f"{target}/{name}", writable=False)


def make_dev(target: str) -> None:
    """Make the few devices that programs count on, and shared memory."""
    make_mount_point(target, folder=True)
    mount("tmpfs", target, "tmpfs", MS_NOSUID, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        make_mount_point(f"{target}/{name}", folder=False)
        mount(f"/dev/{name}", f"{target}/{name}", None, MS_BIND)
    os.symlink("/proc/self/fd", target + "/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{target}/{name}")
    os.mkdir(target + "/shm")
    mount("tmpfs", target + "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)


def make_mount_point(target: str, *, folder: bool) -> None:
    """Make an empty folder or file unless it is there. A symlink on the way would lead to the machine's own files."""
    if os.path.realpath(target) != target:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), target)
    if os.path.lexists(target):
        return
    if folder:
        os.makedirs(target, 0o755)
        return
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def bind(source: str, target: str, writable: bool) -> None:
    """Show `source` at `target`, without set-user-ID and devices."""
    mount(source, target, None, MS_BIND | MS_REC)
    attributes = (0 if writable else MS_RDONLY) | MS_NOSUID | MS_NODEV
    # struct mount_attr of mount_setattr(2): set, clear, propagation, user namespace. It reaches submounts too.
    request = struct.pack("QQQQ", attributes, 0, 0, 0)
    if libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), AT_RECURSIVE, request, len(request)):
        remount(target, attributes)


def remount(target: str, attributes: int) -> None:
    """Do what mount_setattr(2) does, on kernels before 5.12: keep the locked flags, add ours, on every submount."""
    kept = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME
    for point in mounts_below(target):
        found = os.statvfs(point).f_flag
        relatime = MS_RELATIME if found & ST_RELATIME else 0
        mount(None, point, None, MS_REMOUNT | MS_BIND | attributes | found & kept | relatime)


def mounts_below(target: str) -> list[str]:
    """The mount points at and below a path."""
    real = os.path.realpath(target)
    with open("/proc/self/mountinfo", "rb") as table:
        points = [os.fsdecode(unescape(line.split(b" ")[4])) for line in table]
    return [real, *(point for point in points if point.startswith(real + "/"))]


def unescape(text: bytes) -> bytes:
    """Undo the octal escapes of mountinfo."""
    return text.decode("unicode_escape").encode("latin-1") if b"\\" in text else text


def raise_loopback() -> None:
    """Set `lo` up: a new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        reply = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack_from("h", reply, 16)[0]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def become(spec: Spec) -> None:
    """Drop everything and become the command."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.setsid()
    call(libc.unshare(CLONE_NEWUSER), "unshare")
    map_user(spec["user"], 0, spec["user"], 0)
    call(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    os.umask(0o022)
    os.chdir(spec["folder"])
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    # Python opens every descriptor close-on-exec; only 0, 1 and 2 live on.
    for number in range(3):
        os.set_inheritable(number, True)
    try:
        os.execvpe(spec["argv"][0], spec["argv"], spec["environment"])
    except OSError as error:
        raise OSError(error.errno, error.strerror, "exec") from None


def guarded(status: int, action: Any) -> NoReturn:
    """Run what a forked process is for; whatever goes wrong is reported, and nothing returns to the parent's code."""
    try:
        action()
    except OSError as error:
        report(status, {"fault": str(error.filename or error.strerror), "errno": error.errno})
    finally:
        os._exit(127)


def report(status: int, message: dict[str, object]) -> None:
    """Say how it ended."""
    os.write(status, json.dumps(message).encode() + b"\n")


def die_with_parent() -> None:
    """Let the kernel kill this process when the one that started it ends."""
    call(libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount, or raise OSError that says what."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    result = libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    call(result, f"mount {kind or source or ''} at {target}")


def write(path: str, text: str) -> None:
    """Write a small kernel file in one call."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(descriptor)


def call(result: int, what: str) -> None:
    """Raise OSError for a C function that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()
