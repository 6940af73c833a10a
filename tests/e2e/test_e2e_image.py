"""The pushed image, read, copied, unpacked and run by programs that are not mbuild's."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from debian_programs import Programs
from mbuild_command import Mbuild
from real_registry import free_ports, registry

pytestmark = pytest.mark.e2e

ALONE = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def host(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(programs, tmp_path_factory.mktemp("served") / "registry") as host:
        yield host


@pytest.fixture(scope="module")
def pushed(fraud: Mbuild, host: str) -> str:
    """The image's reference by digest, as `mbuild push` prints it."""
    return fraud("push", "//models:fraud", f"{host}/ml/fraud:v1", "--plain-http").out.strip()


@pytest.fixture(scope="module")
def copied(pushed: str, programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What skopeo copied from the registry by digest."""
    folder = tmp_path_factory.mktemp("copied") / "oci"
    # Left to itself skopeo compresses what is not, such as the layers of models.
    copy = ("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--preserve-digests")
    programs.run(*copy, f"docker://{pushed}", f"oci:{folder}:fraud")
    return folder


def test_push_prints_the_digest_that_the_build_printed(fraud: Mbuild, pushed: str, host: str) -> None:
    assert pushed == f"{host}/ml/fraud@{fraud.digest('//models:fraud')}"


def test_skopeo_inspects_the_pushed_image_by_tag_and_by_digest(
    fraud: Mbuild, pushed: str, host: str, programs: Programs
) -> None:
    by_tag, by_digest = (
        json.loads(programs.run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}"))
        for name in (f"{host}/ml/fraud:v1", pushed)
    )
    assert by_tag == by_digest
    manifest = json.loads((fraud.folder / "mbuild-out/models/fraud/manifest.json").read_text())
    assert by_tag["Digest"] == fraud.digest("//models:fraud")
    assert (by_tag["Os"], by_tag["Architecture"], by_tag["RepoTags"]) == ("linux", "amd64", ["v1"])
    assert by_tag["Layers"] == [layer["digest"] for layer in manifest["layers"]]
    assert by_tag["Labels"] == manifest["annotations"]


def test_skopeo_copies_the_pushed_image_by_digest_byte_for_byte(copied: Path, layout: Path) -> None:
    ours, theirs = ({path.name for path in (folder / "blobs/sha256").iterdir()} for folder in (layout, copied))
    assert theirs == ours
    assert _digests(copied) == _digests(layout)


def _digests(layout: Path) -> list[str]:
    return [row["digest"] for row in json.loads((layout / "index.json").read_text())["manifests"]]


def test_umoci_unpacks_it_and_runc_runs_it_and_it_predicts_what_scikit_learn_predicts(
    fraud: Mbuild, copied: Path, programs: Programs, roomy: Path
) -> None:
    golden = json.loads((fraud.folder / "mbuild-out/models/fraud_golden.json").read_text())
    bundle = roomy / "bundle"
    programs.run("umoci", "unpack", *_rootless(), "--image", f"{copied}:fraud", bundle)
    http = _prepare(bundle)
    with _running(programs, bundle, f"http://127.0.0.1:{http}/v2/health/ready"):
        for case in golden["cases"]:
            answer = _ask(f"http://127.0.0.1:{http}/v2/models/fraud/infer", case["request"])
            given = [{name: output[name] for name in ("name", "datatype", "shape", "data")} for output in answer]
            assert given == case["response"]["outputs"]
    assert len(golden["cases"][0]["response"]["outputs"][0]["data"]) == 200


def _rootless() -> list[str]:
    return ["--rootless"] if os.geteuid() else []


def _prepare(bundle: Path) -> int:
    """Make umoci's configuration one for a host's network and without a terminal; gives the port of HTTP."""
    path = bundle / "config.json"
    config = json.loads(path.read_text())
    names, ports = ("HTTP", "GRPC", "METRICS"), free_ports(3)
    process = config["process"]
    assert process["user"] == {"uid": 1000, "gid": 1000}
    process["terminal"] = False
    process["env"] += [f"MLSERVER_{name}_PORT={port}" for name, port in zip(names, ports, strict=True)]
    process["env"].append("MLSERVER_HOST=127.0.0.1")
    if os.geteuid():  # one who is not root has but one user inside a namespace, and runc wants that to be 0
        process["user"] = {"uid": 0, "gid": 0}
    config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != "network"]
    path.write_text(json.dumps(config))
    return ports[0]


@contextmanager
def _running(programs: Programs, bundle: Path, ready: str) -> Iterator[None]:
    """The bundle, run by runc until the block is left; it must answer, and stop on SIGTERM."""
    name, state, log = f"mbuild-test-{os.getpid()}", bundle.parent / "state", bundle.parent / "runc.log"
    runc = [programs.path("runc"), "--root", str(state)]
    with log.open("wb") as out:
        container = subprocess.Popen([*runc, "run", "--bundle", bundle, name], stdout=out, stderr=out)
    try:
        _wait_until_ready(ready, container, log)
        yield
        container.terminate()
        assert container.wait(30) == 0, log.read_text()
    finally:
        if container.poll() is None:
            subprocess.run([*runc, "kill", name, "KILL"], check=False)
            container.wait(30)


def _wait_until_ready(url: str, container: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and container.poll() is None:
        try:
            with ALONE.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    said = log.read_text(errors="replace")[-3000:]
    if container.poll() is not None and ("namespace" in said or "cgroup" in said or "operation not permitted" in said):
        pytest.skip(f"this machine does not let runc start a container: {said}")
    raise AssertionError(f"the container does not answer:\n{said}")


def _ask(url: str, request: Any) -> list[dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    with ALONE.open(urllib.request.Request(url, json.dumps(request).encode(), headers), timeout=60) as response:
        outputs: list[dict[str, Any]] = json.load(response)["outputs"]
        return outputs
