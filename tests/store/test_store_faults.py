"""A really full disk, a read-only one, and processes that are killed: no half-written blob is ever believed.

Disks are made in a private mount namespace, so neither root nor a loop device is needed.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from buildkit.errors import EnvironmentFault
from buildkit.store import DiskStore
from buildkit.store.faults import reading, writing
from buildkit.store.scratch import Scratch

NAMESPACE = ["unshare", "-Urm"]


def unprivileged_mounts() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = [*NAMESPACE, "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not unprivileged_mounts(), reason="this kernel lets nobody mount a tmpfs")

PRELUDE = """
import os, subprocess, sys
from pathlib import Path
from buildkit.content import Inline, Recipe
from buildkit.digest import Digest, Key
from buildkit.errors import EnvironmentFault
from buildkit.store import ActionResult, DiskActionCache, DiskStore
disk = Path(sys.argv[1])
def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
def attempt(what):
    try:
        what()
    except EnvironmentFault as fault:
        print(str(fault).replace(str(disk), "DISK"))
    else:
        print("no fault")
def fill():
    # To the last byte: several sizes, since tmpfs gives out whole pages.
    for number in range(3):
        try:
            with open(disk / f"ballast{number}", "wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        except OSError:
            pass
"""


def on_a_disk(tmp_path: Path, script: str) -> str:
    (tmp_path / "disk").mkdir()
    command = [*NAMESPACE, sys.executable, "-c", PRELUDE + script, str(tmp_path / "disk")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


@needs_mounts
def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    output = on_a_disk(
        tmp_path,
        """
mount("size=4m")
store = DiskStore(disk / "store")
small = store.put(b"small")
def big():
    with store.writer() as writer:
        for _ in range(100):
            writer.write(os.urandom(100_000))
        writer.commit()
attempt(big)
print(sorted(path.name for path in (disk / "store" / "blobs").rglob("*") if path.is_file()) == [small.hex])
print(store.read(small), [path for path in disk.glob("store/tmp/*/*")])
print(store.read(store.put(b"x" * 1_000_000)) == b"x" * 1_000_000)
""",
    )
    assert output == (
        "error: cannot write a blob below 'DISK/store': no space left on device\n"
        "hint: free some space there, or choose another folder with --cache-dir\n"
        "True\n"
        "b'small' []\n"
        "True\n"
    )


@needs_mounts
def test_whatever_is_being_written_to_a_full_disk_is_named(tmp_path: Path) -> None:
    output = on_a_disk(
        tmp_path,
        """
mount("size=4m")
store, actions = DiskStore(disk / "store"), DiskActionCache(disk / "store")
source = disk / "source"
source.write_bytes(b"weights")
key, result = Key.of("test"), ActionResult({"a": Digest.of(b"x" * 9000)})
actions.put(key, result)
store.adopt(source)
fill()
attempt(lambda: store.put(b"x" * 9000))
attempt(lambda: store.put_recipe(Recipe((Inline(os.urandom(9000)),)), Digest("00" * 32, 9000)))
attempt(lambda: actions.put(Key.of("other"), ActionResult({str(n): Digest.of(b"%d" % n) for n in range(99)})))
def adopt():
    for number in range(2000):
        os.utime(source, ns=(number, number))
        store.adopt(source)
attempt(adopt)
attempt(lambda: DiskStore(disk / "second"))
for path in disk.glob("ballast*"):
    path.unlink()
print(actions.get(key) == result, actions.get(Key.of("other")))
print(store.read(store.adopt(source)))
print(DiskStore(disk / "store").adopt(source) == Digest.of(b"weights"), len(list(disk.glob("store/index.damaged*"))))
""",
    )
    hint = "hint: free some space there, or choose another folder with --cache-dir\n"
    full = "no space left on device"
    assert output == (
        f"error: cannot write a blob below 'DISK/store': {full}\n{hint}"
        f"error: cannot write a recipe below 'DISK/store': {full}\n{hint}"
        f"error: cannot write the folder 'actions' below 'DISK/store': {full}\n{hint}"
        f"error: cannot write the index of source files below 'DISK/store': {full}\n{hint}"
        f"error: cannot write the store below 'DISK/second': {full}\n{hint}"
        "True None\n"
        "b'weights'\n"
        "True 0\n"
    )


@needs_mounts
def test_a_read_only_disk_is_said(tmp_path: Path) -> None:
    output = on_a_disk(
        tmp_path,
        """
mount("size=4m")
store = DiskStore(disk / "store")
small = store.put(b"small")
source = disk / "source"
source.write_bytes(b"weights")
store.close()
mount("remount,ro,size=4m")
attempt(lambda: store.put(b"more"))
attempt(lambda: store.adopt(source))
attempt(lambda: DiskStore(disk / "second"))
print(store.read(small))
""",
    )
    hint = "hint: make the folder writable for you, or choose another one with --cache-dir\n"
    assert output == (
        f"error: cannot write temporary files below 'DISK/store': read-only file system\n{hint}"
        f"error: cannot write the index of source files below 'DISK/store': read-only file system\n{hint}"
        f"error: cannot write the store below 'DISK/second': read-only file system\n{hint}"
        "b'small'\n"
    )


KILLED = """
import os, sys, time
from pathlib import Path
from buildkit.store import DiskStore
store = DiskStore(Path(sys.argv[1]))
with store.writer() as writer, store.temporary() as folder:
    (folder / "output").write_text("half")
    writer.write(b"x" * 5_000_000)
    print("written", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_not_believed_and_swept_by_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        store = DiskStore(tmp_path)
        store.put(b"beside it")  # a living process's scratch is left alone
        assert len(list((tmp_path / "tmp").glob("*.lock"))) == 2
        process.send_signal(signal.SIGKILL)
    store.close()
    assert [path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [b"beside it"]
    assert len(list((tmp_path / "tmp").rglob("output"))) == 1
    store.put(b"after it")
    assert list((tmp_path / "tmp").rglob("output")) == []
    store.close()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_scratch_is_removed_with_its_owner(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.path().write_text("x")
    assert len(list((tmp_path / "tmp").iterdir())) == 2
    del scratch
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_thread_wrote_after_its_process_let_go_is_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "tmp" / "0123456789abcdef" / "build").mkdir(parents=True)
    scratch = Scratch(tmp_path)
    ours = scratch.path().parent
    assert sorted((tmp_path / "tmp").iterdir()) == [ours, ours.with_suffix(".lock")]


def test_a_forked_child_leaves_its_parents_scratch_alone(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from buildkit.store import DiskStore\n"
        "store = DiskStore(Path(sys.argv[1])); kept = store.put(b'parent'); scratch = store._scratch.path()\n"
        "scratch.write_text('x'); source = Path(sys.argv[1], 'source'); source.write_text('weights')\n"
        "digest = store.adopt(source); child = os.fork()\n"
        "if not child:\n"
        "    store.put(b'child'); print(store.adopt(source) == digest, flush=True); store.close(); sys.exit(0)\n"
        "os.waitpid(child, 0); print(scratch.exists(), store.adopt(source) == digest)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\nTrue True\n", "")


@pytest.mark.parametrize(
    ("number", "reason", "hint"),
    [
        (13, "permission denied", "make the folder writable for you, or choose another one with --cache-dir"),
        (30, "read-only file system", "make the folder writable for you, or choose another one with --cache-dir"),
        (122, "disk quota exceeded", "free some space there, or choose another folder with --cache-dir"),
        (5, "input/output error", "check the disk, or choose another folder with --cache-dir"),
    ],
)
def test_each_trouble_of_writing_has_its_hint(number: int, reason: str, hint: str) -> None:
    with pytest.raises(EnvironmentFault) as fault, writing("a blob", Path("/store")):
        raise OSError(number, "trouble")
    assert str(fault.value) == f"error: cannot write a blob below '/store': {reason}\nhint: {hint}"
    assert fault.value.exit_code == 36


def test_a_source_that_may_not_be_read_is_a_fault_of_the_environment() -> None:
    with pytest.raises(EnvironmentFault) as fault, reading(Path("/weights")):
        raise PermissionError(13, "trouble")
    assert str(fault.value) == (
        "error: cannot read '/weights': permission denied\nhint: check its permissions and the disk"
    )
