"""Registries as Debian ships them, and a proxy before them, each on a free port of this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debian_programs import Programs


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


@contextmanager
def registry(
    programs: Programs, folder: Path, http: dict[str, object] | None = None, settings: dict[str, object] | None = None
) -> Iterator[str]:
    """A registry that listens, with these settings below `http` and beside it; gives its host."""
    host = f"127.0.0.1:{free_ports(1)[0]}"
    document = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host, "secret": "x", **(http or {})},
        **(settings or {}),
    }
    folder.mkdir()
    configuration, log = folder / "registry.yml", folder / "registry.log"
    configuration.write_text(json.dumps(document))
    with _served([programs.path("docker-registry"), "serve", str(configuration)], host, log):
        yield host


@contextmanager
def crane_registry(programs: Programs, folder: Path) -> Iterator[str]:
    """The registry of `crane`, go-containerregistry's, which keeps what it is given on the disk; gives its host."""
    folder.mkdir()
    host = f"127.0.0.1:{free_ports(1)[0]}"
    command = [programs.path("crane"), "registry", "serve", "--address", host, "--disk", str(folder)]
    with _served(command, host, folder / "registry.log"):
        yield host


@contextmanager
def collecting_proxy(programs: Programs, folder: Path, target: str) -> Iterator[str]:
    """nginx as it is by default: a request is handed on when all of it has come. Gives its host."""
    folder.mkdir()
    host = f"127.0.0.1:{free_ports(1)[0]}"
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = (
        f"listen {host}; client_max_body_size 0; location / {{ proxy_pass http://{target};"
        " proxy_set_header Host $http_host; proxy_http_version 1.1; }"
    )
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"{user} daemon off; master_process off; pid {folder}/pid; events {{}}\n"
        f"http {{ access_log off; {places} server {{ {server} }} }}\n"
    )
    command = [programs.path("nginx"), "-p", str(folder), "-e", str(folder / "errors"), "-c", str(configuration)]
    with _served(command, host, folder / "nginx.log"):
        yield host


@contextmanager
def _served(command: list[str], host: str, log: Path) -> Iterator[None]:
    """A server that runs until the block ends."""
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        wait_for_port(host, server, log)
        yield
    finally:
        server.terminate()
        server.wait()


def wait_for_port(host: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 30.0) -> None:
    """Wait until something listens there; fails with the log when the server ends or time is up."""
    name, _, port = host.partition(":")
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex((name, int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {host}:\n{log.read_text(errors='replace')[-3000:]}")
