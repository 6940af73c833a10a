"""An image of others as a base: locked, built upon, run in, pushed and exported, against docker's own registry.

The base is made here, of Debian packages, and pushed; from then on it is somebody else's.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_programs import Programs
from mbuild_command import FRAUD, Mbuild
from real_registry import registry

pytestmark = pytest.mark.e2e

LOGGING = {"log": {"level": "error", "accesslog": {"disabled": False}}}
PLAIN = """
load("@mbuild//rules:layers.bzl", "LayersInfo", "blobs", "descriptors", "trees")

def _plain_image(ctx):
    layers = ctx.attr.base[LayersInfo].layers
    config = ctx.actions.declare_file(ctx.label.name + "/config.json")
    manifest = ctx.actions.declare_file(ctx.label.name + "/manifest.json")
    settings = {
        "platform": {"os": "linux", "architecture": "amd64"},
        "environment": {"PATH": "/usr/bin:/bin", "WHOSE": "theirs"},
        "user": "1234:1234",
    }
    ctx.actions.tool(
        "image_config",
        arguments = {"descriptors": descriptors(layers), "trees": trees(layers), "settings": settings},
        outputs = {"config": config, "warnings": ctx.actions.declare_file("warnings.json")},
    )
    ctx.actions.tool(
        "image_manifest",
        arguments = {"config": config, "descriptors": descriptors(layers)},
        outputs = {"manifest": manifest},
    )
    info = ImageInfo(manifest = manifest, config = config, layers = blobs(layers), platform = "linux/amd64")
    return [DefaultInfo(files = [manifest]), info]

plain_image = rule(implementation = _plain_image, attrs = {"base": attr.label(mandatory = True)})
"""
SERVER = """
load("@mbuild//rules:runtime.bzl", "RuntimeInfo", "root_of")

_CODE = '''
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["WHOSE"].encode())
    do_POST = do_GET
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
'''

def _server(ctx):
    runtime = ctx.attr.runtime[RuntimeInfo]
    return [RunInfo(
        root = root_of(ctx.attr.runtime),
        command = [runtime.python, "-c", _CODE],
        environment = runtime.environment | {"HOST": "{host}", "PORT": "{http}"},
        ports = {"http": 8080},
        readiness = "/",
        requests = {"predict": {"method": "POST", "port": "http", "path": "/"}},
    )]

server = rule(implementation = _server, attrs = {"runtime": attr.label(mandatory = True)})
"""
BUILD = """
load(":server.bzl", "server")

server(name = "little", runtime = ":python")
base_image(name = "base", image = "%s/base/python:1", lock = "base.lock")
runtime(name = "python", base = ":base")
runtime(name = "server", base = ":base", server = "mlserver")
model(name = "m", srcs = ["a.bin"], framework = "sklearn", version = "1")
model_image(name = "x", models = [":m"], runtime = ":server")
base_image(name = "docker", image = "%s/base/docker:1", lock = "docker.lock", platforms = ["linux/amd64"])
runtime(name = "docker_python", base = ":docker")
genrule(
    name = "docker_told",
    outs = ["docker_told.txt"],
    command = ["/usr/bin/python3", "-c", "import sys; open(sys.argv[1], 'w').write(sys.version[:4])", "$@"],
    runtime = ":docker_python",
)
genrule(
    name = "told",
    outs = ["told.txt"],
    command = ["/usr/bin/python3", "-c", "import sys; open(sys.argv[1], 'w').write(sys.version[:4])", "$@"],
    runtime = ":python",
)
"""


@pytest.fixture(scope="module")
def served(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A registry, and the log of what it is asked."""
    folder = tmp_path_factory.mktemp("served") / "registry"
    with registry(programs, folder, settings=LOGGING) as host:
        yield host, folder / "registry.log"


@pytest.fixture(scope="module")
def other(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(programs, tmp_path_factory.mktemp("other") / "registry") as host:
        yield host


@pytest.fixture(scope="module")
def workspace(served: tuple[str, Path], other: str, kept_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that is locked to the base in the registry."""
    folder, (host, _) = tmp_path_factory.mktemp("workspace"), served
    (folder / "mbuild.toml").write_text("".join(f'[registry."{name}"]\nplain_http = true\n' for name in (host, other)))
    shutil.copytree(FRAUD / "third_party", folder / "third_party")
    (folder / "third_party" / "plain.bzl").write_text(PLAIN)
    with (folder / "third_party" / "BUILD").open("a") as file:
        file.write('load(":plain.bzl", "plain_image")\nplain_image(name = "image", base = ":debian_python")\n')
    (folder / "app").mkdir()
    (folder / "app" / "BUILD").write_text(BUILD.replace("%s", host))
    (folder / "app" / "a.bin").write_text("weights")
    (folder / "app" / "server.bzl").write_text(SERVER)
    mbuild = Mbuild(folder, kept_store)
    mbuild("push", "//third_party:image", f"{host}/base/python:1")
    mbuild("lock", "//app:base")
    return folder


@pytest.fixture
def fresh(workspace: Path, roomy: Path) -> Mbuild:
    """The workspace with a store that has nothing."""
    return Mbuild(workspace, roomy / "store")


def base_layer(mbuild: Mbuild) -> str:
    mbuild("//app:base")
    manifest = json.loads((mbuild.folder / "mbuild-out/app/base/manifest.json").read_text())
    (layer,) = manifest["layers"]
    return str(layer["digest"])


class Asked:
    """What the registry is asked from now on."""

    def __init__(self, log: Path) -> None:
        self._log, self._from = log, log.stat().st_size

    def lines(self) -> list[str]:
        time.sleep(0.2)  # it writes its log a little later than it answers
        text = self._log.read_bytes()[self._from :].decode(errors="replace")
        return re.findall(r'"((?:GET|HEAD|POST|PUT|PATCH) /v2/\S+) HTTP', text)


def gets(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("GET ") and "/blobs/" in line]


def test_building_on_a_base_asks_nothing_and_pushing_to_its_registry_mounts_it(
    fresh: Mbuild, served: tuple[str, Path], programs: Programs
) -> None:
    host, log = served
    asked = Asked(log)
    fresh("//app:x")
    fresh("lock", "--check", "//app:base")
    assert asked.lines() == []
    layer = base_layer(fresh)
    planned = fresh("push", "--plan", "//app:x", f"{host}/ml/x:1").out
    assert f"{host}/base/python" in next(line for line in planned.splitlines() if line.startswith("mount"))
    fresh("push", "//app:x", f"{host}/ml/x:1")
    lines = asked.lines()
    assert gets(lines) == []
    mounts = [line for line in lines if line.startswith("POST ") and "mount=" in line]
    assert len(mounts) == 1
    assert layer.replace(":", "%3A") in mounts[0]
    assert "from=base%2Fpython" in mounts[0]
    seen = json.loads(programs.run("skopeo", "inspect", "--tls-verify=false", f"docker://{host}/ml/x:1"))
    assert seen["Layers"][0] == layer
    assert {"WHOSE=theirs", "HOME=/tmp"} <= set(seen["Env"])


def test_pushing_to_another_registry_hands_the_base_on_without_keeping_it(
    fresh: Mbuild, served: tuple[str, Path], other: str, programs: Programs, roomy: Path
) -> None:
    layer, asked = base_layer(fresh), Asked(served[1])
    fresh("push", "//app:x", f"{other}/ml/x:1")
    assert gets(asked.lines()) == [f"GET /v2/base/python/blobs/{layer}"]
    assert not list(fresh.store.rglob(f"{layer.partition(':')[2]}*"))
    assert programs.run("skopeo", "inspect", "--tls-verify=false", f"docker://{other}/ml/x:1")


def test_a_layout_and_an_archive_hold_the_base_whole(fresh: Mbuild, roomy: Path, programs: Programs) -> None:
    layer = base_layer(fresh)
    fresh("//app:x", "--output", f"oci:{roomy}/layout:x")
    assert (roomy / "layout" / "blobs" / "sha256" / layer.partition(":")[2]).is_file()
    assert json.loads(programs.run("skopeo", "inspect", f"oci:{roomy}/layout:x"))["Layers"][0] == layer
    offline = fresh.run("--offline", "//app:x", "--output", f"oci:{roomy}/second:x")
    assert offline.code == 2
    assert "reading layers of a base image from" in offline.err


def test_a_command_runs_in_the_base_whose_layers_come_for_it_once(fresh: Mbuild, served: tuple[str, Path]) -> None:
    layer, asked = base_layer(fresh), Asked(served[1])
    fresh("//app:told")
    assert (fresh.folder / "mbuild-out/app/told.txt").read_text() == "3.11"
    assert gets(asked.lines()) == [f"GET /v2/base/python/blobs/{layer}"]
    fresh("--offline", "//app:told", "//app:x")


def test_an_image_of_dockers_own_format_serves_as_well(
    fresh: Mbuild, served: tuple[str, Path], programs: Programs, kept_store: Path
) -> None:
    host, _ = served
    maker = Mbuild(fresh.folder, kept_store)  # Docker's format knows no zstd
    maker("--define=compression=gzip", "push", "//third_party:image", f"{host}/base/gzip:1")
    copy = ("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false")
    programs.run(*copy, "--format", "v2s2", f"docker://{host}/base/gzip:1", f"docker://{host}/base/docker:1")
    fresh("lock", "//app:docker")
    lock = (fresh.folder / "app" / "docker.lock").read_text()
    assert "linux/amd64 manifest application/vnd.docker.distribution.manifest.v2+json " in lock
    fresh("//app:docker_told")
    assert (fresh.folder / "mbuild-out/app/docker_told.txt").read_text() == "3.11"


def test_a_server_runs_in_the_base_with_the_variables_of_the_base(fresh: Mbuild) -> None:
    (fresh.folder / "request.json").write_text("{}")
    assert fresh("predict", "//app:little", "--input", "request.json").out.strip() == "theirs"
