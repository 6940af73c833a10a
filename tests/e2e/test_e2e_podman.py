"""podman pulls the pushed image from a registry and runs it as Kubernetes would: read-only, without capabilities."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild
from podman_containers import Podman
from real_registry import free_ports, registry

pytestmark = pytest.mark.e2e

ALONE = urllib.request.build_opener(urllib.request.ProxyHandler({}))
RESTRICTED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges")


def test_podman_pulls_the_image_and_runs_it_and_it_predicts(
    fraud: Mbuild, programs: Programs, podman: Podman, tmp_path: Path
) -> None:
    ports = dict(zip(("HTTP", "GRPC", "METRICS"), free_ports(3), strict=True))
    settings = [word for name, port in ports.items() for word in ("--env", f"MLSERVER_{name}_PORT={port}")]
    with registry(programs, tmp_path / "registry") as host:
        reference = fraud("push", "//models:fraud", f"{host}/ml/fraud:v1", "--plain-http").out.strip()
        podman("pull", "--tls-verify=false", reference)
    container = podman("run", "--detach", "--network", "host", *RESTRICTED, *settings, reference)
    answer = _asked(ports["HTTP"], fraud.folder / "requests/suspicious.json", podman, container)
    assert [output["data"] for output in answer["outputs"]] == [[0, 1]]
    assert json.loads(podman("inspect", container))[0]["Config"]["User"] == "1000:1000"
    podman("stop", "--time", "20", container)
    assert podman("wait", container) == "0"


def _asked(port: int, request: Path, podman: Podman, container: str) -> Any:
    """The server's answer, once it is there."""
    end = time.monotonic() + 90
    while time.monotonic() < end and podman("inspect", "--format", "{{.State.Running}}", container) == "true":
        try:
            ALONE.open(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5).close()
        except OSError:
            time.sleep(0.2)
            continue
        call = urllib.request.Request(
            f"http://127.0.0.1:{port}/v2/models/fraud/infer",
            request.read_bytes(),
            {"Content-Type": "application/json"},
        )
        with ALONE.open(call, timeout=60) as response:
            return json.load(response)
    logs = podman.start("logs", container)
    raise AssertionError(f"the container does not answer:\n{logs.stdout}{logs.stderr}")
