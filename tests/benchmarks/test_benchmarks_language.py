"""What the language's benchmarks measure is alive: each side parses the same texts, and the big workspace loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("side", ["mbuild", "lark-tree", "lark-hooks", "rust"])
def test_each_side_parses_the_same_texts(side: str) -> None:
    command = [sys.executable, str(BENCHMARKS / "language_parse.py"), side, ".bzl files", ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) > 0


def test_the_big_workspace_is_one(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(BENCHMARKS / "big_workspace.py"), str(tmp_path), "3", "2"], check=True)
    start = "import sys; from buildkit.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "-C", str(tmp_path), "query", "deps(//team0/pkg2:t1)"]
    environment = {**os.environ, "MBUILD_CACHE": str(tmp_path / "store")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    labels = [f"//team0/pkg{package}:{kind}" for package in range(3) for kind in ("data0.txt", "data1.txt", "t0", "t1")]
    assert (done.stdout.split(), done.stderr) == (labels, "")
