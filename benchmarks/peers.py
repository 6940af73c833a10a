"""The programs and the registry that mbuild is measured against: those of the tests, fetched by mbuild itself.

In: a store that is kept between calls, a folder. Out: `Peers`: scripts of buildah, podman and skopeo with storage of
their own, and a docker-registry on a free port of this machine, with a certificate of its own making if TLS is wanted.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path += [str(_TESTS), str(_TESTS / "e2e")]

from debian_programs import Programs, unpack_programs  # noqa: E402
from podman_containers import Podman  # noqa: E402
from real_registry import registry  # noqa: E402

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Peers:
    """`host` is a registry that keeps what it is given in `data`; `ca` is who vouches for it."""

    programs: Programs
    host: str
    data: Path
    podman: Podman
    ca: Path | None = None

    @property
    def url(self) -> str:
        """Where the registry is."""
        return f"{'https' if self.ca else 'http'}://{self.host}"

    @property
    def curl(self) -> str:
        """How curl is called, as words of a shell."""
        return f"curl -sS --cacert {self.ca}" if self.ca else "curl -sS"

    @property
    def settings(self) -> str:
        """What an mbuild.toml says of the registry."""
        return f'[registry."{self.host}"]\n' + (f'ca = "{self.ca}"\n' if self.ca else "plain_http = true\n")

    def empty_registry(self) -> None:
        """Let the registry forget everything."""
        shutil.rmtree(self.data, ignore_errors=True)

    def containers(self, program: str) -> list[str]:
        """How podman or buildah is called, with the storage that they share."""
        places = list(self.podman.command[1:])
        if program == "buildah":
            place = places.index("--tmpdir")
            del places[place : place + 2]
        return [self.programs.path(program), *places]


@contextmanager
def peers(store: Path, folder: Path, *, tls: bool = False) -> Iterator[Peers]:
    """Everything, until the block is left. `store` gets the programs, if it has them not yet."""
    (folder / "programs").mkdir()
    programs = unpack_programs(store, folder / "programs")
    storage = Path(tempfile.mkdtemp(prefix="podman-"))  # podman takes short paths only
    podman = Podman.of(programs, storage)
    ca = _certificate(folder / "certificates") if tls else None
    http = {"tls": {"certificate": str(ca), "key": str(folder / "registry.key")}} if ca else {}
    try:
        with registry(programs, folder / "registry", http) as host:
            yield Peers(programs, host, folder / "registry" / "data", podman, ca)
    finally:
        podman.start("rmi", "--all", "--force")
        shutil.rmtree(storage, ignore_errors=True)


def _certificate(folder: Path) -> Path:
    """A new certificate for this machine, which vouches for itself, alone in a folder; its key is beside that."""
    folder.mkdir()
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=benchmark"
    files = [
        "-keyout",
        folder.parent / "registry.key",
        "-out",
        folder / "ca.crt",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    return folder / "ca.crt"


class Counter:
    """A way to a host that counts the bytes that are sent to it."""

    def __init__(self, host: str) -> None:
        name, _, port = host.partition(":")
        self._target = (name, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown(socket.SHUT_RDWR)  # else whoever waits in accept waits for ever
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(_CHUNK):
                target.sendall(data)
                if counted:
                    with self._lock:
                        self.sent += len(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()
