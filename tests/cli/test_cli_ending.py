"""How the process ends, whatever became of those who read its output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from invocations import Place

from buildkit import __version__

MAIN = [sys.executable, "-c", "from buildkit.cli.entry import main; main()", "version"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_results_that_do_not_fit_are_an_environment_fault() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(MAIN, check=False, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (36, "error: cannot write the results: no space left on device\n")


def test_results_that_nobody_reads_any_more_are_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(MAIN, check=False, env=BUFFERED, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


WHILE_IT_STARTS = """
import os, signal, sys
from buildkit.cli.entry import main
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "buildkit.cli.arguments":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
main()
"""


def test_ctrl_c_while_modules_are_read_in_is_told_in_a_word() -> None:
    ran = subprocess.run([sys.executable, "-c", WHILE_IT_STARTS], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (8, "", "interrupted\n")


def test_ctrl_c_that_is_to_be_ignored_is_ignored() -> None:
    words = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", WHILE_IT_STARTS, "version"]
    ran = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"mbuild {__version__}\n", "")


MODEL = """
model(name = "m", framework = "sklearn", srcs = ["weights.bin"])
model_volume(name = "v", models = [":m"])
genrule(name = "c", srcs = ["weights.bin"], outs = ["c.txt"], cmd = "wc -c < $(SRCS) > $@", host_tools = True)
"""


@pytest.mark.parametrize("target", ["//:v", "//:c"])
def test_ctrl_c_does_not_wait_until_gigabytes_are_read(tmp_path: Path, target: str) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "BUILD": MODEL, "weights.bin": ""})
    weights = place.root / "weights.bin"
    os.truncate(weights, 1 << 40)  # sparse: a terabyte to read, and nothing on the disk
    with place.start(target) as build:
        try:
            deadline = time.monotonic() + 20
            while not is_open(weights, build.pid) and build.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            begun = time.monotonic()
            build.send_signal(signal.SIGINT)
            _, stderr = build.communicate(timeout=30)
        finally:
            build.kill()
    assert (build.returncode, stderr.splitlines()[-1]) == (8, "interrupted")
    assert time.monotonic() - begun < 10
    assert list((place.cache / "tmp").iterdir()) == []
    os.truncate(weights, 8)
    assert place.mbuild(target).code == 0


def is_open(path: Path, process: int) -> bool:
    try:
        return any(entry.samefile(path) for entry in Path(f"/proc/{process}/fd").iterdir() if entry.exists())
    except OSError:  # gone meanwhile
        return False
