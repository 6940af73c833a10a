"""`mbuild run` and `mbuild predict`: the image's server on this machine, asked, and gone afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mbuild_command import Mbuild
from real_registry import free_ports

pytestmark = pytest.mark.e2e

ALONE = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def taken() -> Iterator[int]:
    """The image's own port, which somebody has: this test, if nobody else."""
    with suppress(OSError), socket.create_server(("127.0.0.1", 8080)):
        yield 8080
        return
    yield 8080


@contextmanager
def running(fraud: Mbuild, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`mbuild run`, and the first line that it prints; stopped by force if the test did not."""
    log = fraud.folder.parent / "run.log"
    with log.open("w") as stderr:
        process = fraud.start("run", "//models:fraud", *arguments, stderr=stderr)
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, log.read_text()
        yield process, line.rstrip("\n")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(url: str, body: bytes) -> list[Any]:
    request = urllib.request.Request(f"{url}/v2/models/fraud/infer", body, {"Content-Type": "application/json"})
    with ALONE.open(request, timeout=30) as response:
        return [output["data"] for output in json.load(response)["outputs"]]


def descendants(pid: int) -> set[tuple[int, str]]:
    """All processes below one, as (number, time of start)."""
    parents: dict[int, int] = {}
    starts: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)], starts[int(path.parent.name)] = int(fields[1]), fields[19]
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {(number, starts[number]) for number in found - {pid} if number in starts}


def left(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of them that still live."""
    alive = set()
    for number, start in processes:
        with suppress(OSError):
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            if fields[19] == start and fields[0] not in "ZX":
                alive.add((number, start))
    return alive


def test_run_finds_a_free_port_says_where_it_listens_and_ctrl_c_stops_everything(fraud: Mbuild, taken: int) -> None:
    body = (fraud.folder / "requests/suspicious.json").read_bytes()
    with running(fraud) as (process, line):
        start, _, port = line.rpartition(":")
        assert start == "//models:fraud listens on http://127.0.0.1"
        assert int(port) != taken
        assert ask(f"http://127.0.0.1:{port}", body) == [[0, 1]]
        processes = descendants(process.pid)
        assert processes

        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
        assert process.wait(30) == 0

        end = time.monotonic() + 5
        while left(processes) and time.monotonic() < end:
            time.sleep(0.05)
        assert left(processes) == set()
    said = (fraud.folder.parent / "run.log").read_text()
    assert "Uvicorn running on" in said  # the server's log is streamed
    assert "Traceback" not in said


def test_run_listens_on_the_port_that_it_is_told(fraud: Mbuild) -> None:
    (port,) = free_ports(1)
    with running(fraud, "--port", str(port), "--json") as (process, line):
        told = json.loads(line)
        assert (told["label"], told["url"], told["ports"]["http"]) == (
            "//models:fraud",
            f"http://127.0.0.1:{port}",
            port,
        )
        with ALONE.open(f"{told['url']}/v2/health/ready", timeout=10) as response:
            assert response.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_port_that_is_asked_for_and_taken_is_an_error(fraud: Mbuild) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = fraud.run("run", "//models:fraud", "--port", str(port))
    assert (done.code, done.out) == (36, "")
    assert done.err.splitlines()[-2:] == [
        f"error: port {port} on 127.0.0.1 is taken",
        "hint: name another with --port, or leave it to mbuild",
    ]


@pytest.mark.may_skip("where every port is free to all there is nothing to refuse")
def test_a_port_that_needs_privileges_is_refused_before_the_server_starts(fraud: Mbuild) -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if lowest < 2:
        pytest.skip("this machine lets everybody listen on every port")
    done = fraud.run("run", "//models:fraud", "--port", str(lowest - 1))
    assert (done.code, done.out) == (36, "")
    assert done.err.splitlines()[-2:] == [
        f"error: port {lowest - 1} on 127.0.0.1 is for privileged programs only",
        f"hint: name one from {lowest} with --port, or leave it to mbuild; "
        "'sysctl net.ipv4.ip_unprivileged_port_start' moves the bound",
    ]


def test_predict_prints_what_the_model_answers(fraud: Mbuild) -> None:
    done = fraud("predict", "//models:fraud", "--input", "requests/suspicious.json")
    answer = json.loads(done.out)
    assert answer["model_name"] == "fraud"
    assert [(output["name"], output["data"]) for output in answer["outputs"]] == [("predict", [0, 1])]


def test_a_request_that_the_server_refuses_is_told(fraud: Mbuild, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"inputs": "none"}')
    done = fraud.run("predict", "//models:fraud", "--input", body)
    assert (done.code, done.out) == (1, "")
    assert "error: '//models:fraud' refused the request: HTTP 422" in done.err
