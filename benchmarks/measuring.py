"""Commands → how long they took: wall, CPU and memory of a process and all that it starts.

In: named sides, each with a command and what makes its ground fresh. Out: the minimum of the rounds, side by side. The
sides take turns, so that a machine that is slow for a while is slow for both.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds by the clock, seconds of all cores, the largest process's peak memory, bytes newly on disk."""

    wall: float
    cpu: float
    peak: int
    disk: int = 0


@dataclass(frozen=True, slots=True)
class Side:
    """What is measured: a command; `prepare` runs before each round, `disk` tells how much it left behind."""

    name: str
    command: Sequence[str]
    prepare: Callable[[], None] = lambda: None
    disk: Callable[[], int] = lambda: 0
    folder: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def alternate(sides: Sequence[Side], rounds: int) -> list[Measured]:
    """Let the sides take turns, and give the least of each measure."""
    runs: list[list[Measured]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, measured in zip(sides, runs, strict=True):
            side.prepare()
            measured.append(_run(side))
    return [_least(measured) for measured in runs]


def _run(side: Side) -> Measured:
    start = time.perf_counter()
    process = subprocess.Popen(
        side.command, cwd=side.folder, env=dict(side.environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    told = process.stderr.read()
    # What wait4 tells counts the children that were waited for, too.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"{side.name} failed ({process.returncode}):\n{told.decode(errors='replace')}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, side.disk())


def _least(runs: Sequence[Measured]) -> Measured:
    return Measured(
        min(run.wall for run in runs),
        min(run.cpu for run in runs),
        min(run.peak for run in runs),
        min(run.disk for run in runs),
    )


def table(sides: Sequence[Side], results: Sequence[Measured]) -> str:
    """The results as Markdown, with each side's ratio to the last one."""
    base = results[-1]
    rows = ["| | wall | CPU | peak memory | new disk | wall ratio | CPU ratio |", "|---|---|---|---|---|---|---|"]
    for side, found in zip(sides, results, strict=True):
        figures = (f"{found.wall:.3f} s", f"{found.cpu:.3f} s", _size(found.peak), _size(found.disk))
        ratios = (f"{found.wall / base.wall:.2f}", f"{found.cpu / base.cpu:.2f}")
        rows.append(f"| {side.name} | {' | '.join((*figures, *ratios))} |")
    return "\n".join(rows)


def verdict(what: str, found: float, aim: float) -> str:
    """A line that holds a figure against its aim."""
    return f"- {what}: {found:.2f}, aim at most {aim:g}: {'met' if found <= aim else 'MISSED'}"


def arguments(doc: str | None, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each side runs; the minimum counts")
    return parser


def mbuild() -> str:
    """The mbuild of the Python that runs this."""
    return str(Path(sys.executable).parent / "mbuild")


def disk_of(folder: Path) -> int:
    """The bytes that a folder's files take on the disk; a file of several names counts once."""
    found = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        found[stat.st_dev, stat.st_ino] = stat.st_blocks * 512
    return sum(found.values())


def machine() -> str:
    """A description of this machine, for a record of results."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{cores} cores of {model}, {memory // 1_000_000} GB memory, "
        f"{platform.system()} {platform.release()}, {python}; load before: {load}"
    )


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.is_file() else []


def _size(size: int) -> str:
    return f"{size / 1_000_000:.2f} MB" if size else "-"
