"""Evaluation of compute-bound programs: ours, the pure-Python `starlark` package, `starlark-pyo3` (Rust).

In: the programs of `programs/`. Out: a table of CPU times and ratios, and their geometric means against the aims:
ten times as fast as pure Python, at most three times as slow as Rust.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import verdict

HERE = Path(__file__).resolve().parent
PROGRAMS = sorted((HERE / "programs").glob("*.bzl"))
PURE = "starlark==0.6.0"


def section(rounds: int) -> str:
    """Measure and describe. The pure-Python package, being slow, runs once a round of three."""
    with tempfile.TemporaryDirectory(prefix="language-") as name:
        folder = Path(name)
        install(folder)
        rows = [_row(program, rounds, folder) for program in PROGRAMS]
    lines = [
        "### Evaluation\n",
        "| program | mbuild | starlark (pure Python) | starlark-pyo3 (Rust) | pure / mbuild | mbuild / Rust |",
        "|---|---|---|---|---|---|",
    ]
    for program, (ours, pure, rust) in zip(PROGRAMS, rows, strict=True):
        times = " | ".join(f"{seconds * 1000:.1f} ms" for seconds in (ours, pure, rust))
        lines.append(f"| {program.stem} | {times} | {pure / ours:.1f} | {ours / rust:.2f} |")
    faster = _mean([pure / ours for ours, pure, _ in rows])
    slower = _mean([ours / rust for ours, _, rust in rows])
    lines.append(f"| geometric mean | | | | {faster:.1f} | {slower:.2f} |\n")
    lines.append(verdict("share of pure Python's time", 1 / faster, 0.1))
    lines.append(verdict("times Rust's time", slower, 3))
    return "\n".join(lines)


def install(folder: Path) -> None:
    """Put the pure-Python package into a folder, from the index that pip is configured for.

    Its module has the name of starlark-pyo3's, so the two never meet in one process.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), PURE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _row(program: Path, rounds: int, folder: Path) -> tuple[float, float, float]:
    times: dict[str, list[float]] = {"mbuild": [], "pure": [], "rust": []}
    for number in range(rounds):
        for side, found in times.items():
            if side != "pure" or number % 3 == 0:
                found.append(measure("evaluate", side, program, folder))
    return min(times["mbuild"]), min(times["pure"]), min(times["rust"])


def measure(phase: str, side: str, program: Path, folder: Path) -> float:
    """The CPU seconds that one side takes for one phase of one program, in a process of its own."""
    command = [sys.executable, str(HERE / "language_side.py"), phase, side, str(program), str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))
