"""How the process ends, whatever became of those who read its output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from image_layouts import Made
from invocations import Place
from little_registry import LittleRegistry, serving

from buildkit import __version__

MAIN = [sys.executable, "-c", "from buildkit.cli.entry import main; main()", "version"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_results_that_do_not_fit_are_an_environment_fault() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(MAIN, check=False, env=BUFFERED, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (36, "error: cannot write the results: no space left on device\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", [["--help"], ["query", "//..."], ["cquery", "//..."], ["image", "files", "oci:image"]]
)
def test_whatever_the_results_are_a_full_disk_is_told_of_in_the_same_words(
    tmp_path: Path, words: list[str], unbuffered: str
) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "BUILD": 'genrule(name = "a", outs = ["a.txt"], cmd = "", host_tools = True)\n'})
    Made([{"a": "1"}]).write(place.root / "image")
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*MAIN[:-1], *words],
            check=False,
            cwd=place.root,
            env={**BUFFERED, "PYTHONUNBUFFERED": unbuffered, "MBUILD_CACHE": str(place.cache)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (ran.returncode, ran.stderr) == (36, "error: cannot write the results: no space left on device\n")


def test_a_push_whose_result_cannot_be_written_is_told_to_have_succeeded(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write(
        {
            "mbuild.toml": "",
            "BUILD": MODEL,
            "weights.bin": "1",
        }
    )
    with serving(LittleRegistry()) as registry, Path("/dev/full").open("wb") as full:
        words = [*MAIN[:-1], "push", "//:v", f"{registry.address}/v:1", "--plain-http"]
        environment = {**BUFFERED, "MBUILD_CACHE": str(place.cache)}
        ran = subprocess.run(
            words, check=False, cwd=place.root, env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
        assert "1" in registry.manifests
    assert (ran.returncode, ran.stderr.splitlines()[-2:]) == (
        36,
        ["error: cannot write the results: no space left on device", "  the push itself succeeded"],
    )


def test_closed_streams_are_no_fault() -> None:
    ran = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *MAIN], check=False, capture_output=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


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
