"""Docker's own registry, as Debian ships it, on a free port of this machine."""

from __future__ import annotations

import json
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
    with log.open("wb") as out:
        server = subprocess.Popen([programs.path("docker-registry"), "serve", configuration], stdout=out, stderr=out)
    try:
        wait_for_port(host, server, log)
        yield host
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
