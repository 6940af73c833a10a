"""A registry as a build cache on bad days: killed and interrupted in the midst, and two machines at once."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cached_machines import machine, settings, with_package
from counted_line import Line, line_to
from debian_programs import Programs
from mbuild_command import Mbuild
from real_registry import registry

pytestmark = pytest.mark.e2e

MOMENTS = 4
NOWHERE = '[debian]\nmirror = "http://127.0.0.1:9"\n'


@pytest.fixture(scope="module")
def host(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(programs, tmp_path_factory.mktemp("registry") / "registry") as host:
        yield host


@pytest.fixture
def line(host: str) -> Iterator[Line]:
    with line_to(host) as line:
        yield line


@pytest.fixture(scope="module")
def digest(kept_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the image is without any cache."""
    alone = with_package(machine(tmp_path_factory.mktemp("alone"), ""), kept_store)
    return alone.digest("//:image")


def test_a_build_that_is_killed_as_it_fills_the_cache_misleads_nobody(
    host: str, line: Line, digest: str, kept_store: Path, tmp_path: Path
) -> None:
    first = with_package(machine(tmp_path / "whole", settings(line.address, name="killed/whole")), kept_store)
    line.restart()
    first("//:image")
    total, dice = line.moved, random.Random(1)
    for moment in range(MOMENTS):
        name = f"killed/cache{moment}"
        one = with_package(machine(tmp_path / f"one{moment}", settings(line.address, name=name)), kept_store)
        process = one.start("//:image")
        late = moment % 2
        line.restart((dice.randrange(total - 5000, total) if late else dice.randrange(total), process.kill))
        process.communicate()
        assert process.returncode in (-9, 0)
        two = with_package(machine(tmp_path / f"two{moment}", settings(host, name=name)), kept_store)
        done = two("//:image")
        assert (done.out, "warning" in done.err) == (f"//:image {digest}\n", False)
        assert one.digest("//:image") == digest
        # The entries are whole now, whoever wrote them.
        three = machine(tmp_path / f"three{moment}", settings(host, name=name) + NOWHERE)
        assert three.digest("//:image") == digest


def test_ctrl_c_while_results_are_sent_ends_the_build_at_once_and_nothing_half_is_there(
    host: str, line: Line, digest: str, kept_store: Path, tmp_path: Path
) -> None:
    line.restart()
    first = with_package(machine(tmp_path / "whole", settings(line.address, name="stopped/whole")), kept_store)
    first("//:image")
    total, dice = line.up, random.Random(2)
    for moment in range(MOMENTS):
        name = f"stopped/cache{moment}"
        one = with_package(machine(tmp_path / f"one{moment}", settings(line.address, name=name)), kept_store)
        line.empty()  # what the one before has sent must not count
        process = one.start("//:image")
        began: list[float] = []

        def interrupt(process: subprocess.Popen[str] = process, began: list[float] = began) -> None:
            began.append(time.monotonic())
            process.send_signal(signal.SIGINT)
            time.sleep(2)  # the registry is slow from now on

        line.restart((dice.randrange(total // 4, total), interrupt))
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - began[0] < 10
        assert (process.returncode, out, err.splitlines()[-1]) == (8, "", "interrupted"), err
        assert "Traceback" not in err
        two = with_package(machine(tmp_path / f"two{moment}", settings(host, name=name)), kept_store)
        done = two("//:image")
        assert (done.out, "warning" in done.err) == (f"//:image {digest}\n", False)


def test_two_machines_that_fill_one_cache_at_once_agree_and_both_read_it(
    host: str, digest: str, kept_store: Path, tmp_path: Path
) -> None:
    pair = [
        with_package(machine(tmp_path / name, settings(host, name="both/cache")), kept_store) for name in ("a", "b")
    ]
    _add_other(pair)
    for targets in (("//:image",), ("//:image", "//:other")):
        _at_once(pair, targets, digest)
    third = machine(tmp_path / "third", settings(host, name="both/cache") + NOWHERE)
    _add_other([third])
    assert third("//:image", "//:other").out.splitlines()[0] == f"//:image {digest}"


def _add_other(machines: list[Mbuild]) -> None:
    """A second image of the same packages with bytecode of another kind: some actions are shared, some are not."""
    for one in machines:
        build = (one.folder / "BUILD").read_text()
        more = build[build.index("debian_packages(") : build.index("runtime(")].replace('"packages"', '"more"')
        more += build[build.index("runtime(") : build.index("model(")].replace('"runtime"', '"other_runtime"')
        more = more.replace(":packages", ":more")
        more += build[build.index("model_image(") :].replace('"image"', '"other"').replace(":runtime", ":other_runtime")
        (one.folder / "BUILD").write_text(build + more)


def _at_once(machines: list[Mbuild], targets: tuple[str, ...], digest: str) -> None:
    processes = [one.start(*targets) for one in machines]
    told = [process.communicate(timeout=120) for process in processes]
    for process, (out, err) in zip(processes, told, strict=True):
        assert (process.returncode, "warning" in err) == (0, False), err
        assert out.splitlines()[0] == f"//:image {digest}"
