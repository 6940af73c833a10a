"""How the process ends, whatever became of those who read its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MAIN = [sys.executable, "-c", "from buildkit.cli.main import main; main()", "version"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_results_that_do_not_fit_are_an_environment_fault() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(MAIN, check=False, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (36, "error: cannot write the results: No space left on device\n")


def test_results_that_nobody_reads_any_more_are_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(MAIN, check=False, env=BUFFERED, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")
