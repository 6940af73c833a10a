"""Ctrl-C and a killed mbuild: what runs ends, and the store is as good as before."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BUILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from execution_fakes import World, derived, run
from buildkit.execution.sandbox.namespaces import Namespaces
from buildkit.store import DiskActionCache, DiskStore

if __name__ == "__main__":
    folder = Path({folder!r})
    world = World(folder, DiskStore(folder / "store"), DiskActionCache(folder / "store"), Namespaces())
    actions = [
        run(derived("quick"), "sh", "-c", "echo done > out/out"),
        run(derived("long"), "sh", "-c", "sleep {seconds} ; echo done > out/out", inputs=[derived("quick")]),
    ]
    execution = world.build(actions, derived("long"))
    print("ran", execution.ran, "cached", execution.cached, [str(failed.error) for failed in execution.failures])
"""


def program(folder: Path, seconds: float) -> list[str]:
    script = folder / "build.py"
    script.write_text(BUILD.format(tests=str(Path(__file__).parent), folder=str(folder), seconds=seconds))
    return [sys.executable, str(script)]


def children(marker: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker in (entry / "cmdline").read_text().split("\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_running_and_a_usable_store(tmp_path: Path, number: int) -> None:
    seconds = 60.25 + number
    command = program(tmp_path, seconds)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as build:
        try:
            deadline = time.monotonic() + 20
            while not children(str(seconds)) and build.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            begun = time.monotonic()
            build.send_signal(number)
            _, stderr = build.communicate(timeout=20)
        finally:
            build.kill()
    assert time.monotonic() - begun < 10
    assert build.returncode != 0
    if number == signal.SIGINT:
        assert stderr.rstrip().endswith("KeyboardInterrupt")
        assert stderr.count("Traceback") == 1
    while children(str(seconds)):
        assert time.monotonic() < begun + 10
        time.sleep(0.02)
    again = subprocess.run(program(tmp_path, 0), capture_output=True, text=True, timeout=30, check=True)
    assert again.stdout.splitlines()[-1] == "ran 1 cached 1 []"
