"""`mbuild run` and `mbuild predict`: an image's server in the sandbox, with the network, on this machine only.

In: a target that has a `RunInfo`. Out: a `Server` that listens on 127.0.0.1; its ports are the image's where these are
free, else free ones. It runs in the very layers that ship, and ends with mbuild.
"""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from buildkit.commands.build import build_analyzed
from buildkit.commands.graph import analysis, one_target
from buildkit.commands.session import Session
from buildkit.content import Blob
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Output
from buildkit.execution import prepare_root
from buildkit.execution.sandbox import Command, Ended, Root
from buildkit.graph.provider import RunInfo
from buildkit.label import Label
from buildkit.records import dataclass

HOST = "127.0.0.1"
STARTUP_SECONDS = 120.0
GRACE_SECONDS = 15.0
ATTEMPTS = 3
_LOWEST_PORT = "net.ipv4.ip_unprivileged_port_start"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: what it serves, and where. `ended` is set once it has ended."""

    label: Label
    info: RunInfo
    ports: Mapping[str, int]
    ended: threading.Event

    def url(self, path: str, port: str = "http") -> str:
        """The address of a path on one of its ports."""
        return f"http://{HOST}:{self.ports[port]}{path}"


def run(session: Session, target: str, port: int | None, ready: Callable[[Server], None]) -> None:
    """Serve until interrupted, or until the server ends; `ready` is called once it answers."""
    with serving(session, target, port, verbose=True) as server:
        ready(server)
        server.ended.wait()


def predict(session: Session, target: str, body: bytes, name: str) -> bytes:
    """Start the server, send the named request with `body`, stop it, and give what it answered."""
    with serving(session, target, None, verbose=False) as server:
        request = server.info.requests.get(name)
        if request is None:
            known = ", ".join(sorted(server.info.requests)) or "none"
            raise BuildError(f"'{server.label}' has no request '{name}'", hint=f"its requests are: {known}")
        return _ask(server.url(request["path"], request["port"]), request["method"], body, str(server.label))


@contextmanager
def serving(session: Session, target: str, port: int | None, *, verbose: bool) -> Iterator[Server]:
    """A server that is ready, and is stopped when the block is left."""
    label, info, root = _prepared(session, target)
    # Where nobody comes by the image's own ports, any will do: others that start now do not want the same.
    wanted = info.ports if verbose else dict.fromkeys(info.ports, 0)
    for left in reversed(range(ATTEMPTS)):
        with ExitStack() as stack:
            ports = _free_ports(wanted, port, stack)
            try:
                server = stack.enter_context(_started(session, label, info, root, ports, verbose=verbose))
            except BuildFailure:
                if left and _taken(ports):
                    continue  # somebody took a port between our look and the server's
                raise
            yield server
            return


@contextmanager
def _started(
    session: Session, label: Label, info: RunInfo, root: Root, ports: Mapping[str, int], *, verbose: bool
) -> Iterator[Server]:
    log = _Log(session, verbose)
    stop, server = threading.Event(), Server(label, info, ports, threading.Event())
    outcome: list[Ended | BaseException] = []
    with session.store.temporary() as scratch:
        command = Command(
            argv=info.command,
            environment=_environment(info, ports),
            root=root,
            scratch=scratch,
            folder="/tmp",
            network=True,
            grace=GRACE_SECONDS,
        )

        def body() -> None:
            try:
                outcome.append(session.sandbox.run(command, log.take, stop))
            except BaseException as error:
                outcome.append(error)
            finally:
                server.ended.set()

        thread = threading.Thread(target=body, name="server")
        thread.start()
        try:
            _wait_until_ready(server, log, outcome)
            yield server
        finally:
            stop.set()
            thread.join()


def _prepared(session: Session, target: str) -> tuple[Label, RunInfo, Root]:
    analyzed = analysis(session, [target])
    configured = one_target(analyzed, target)
    info = configured.run
    if info is None:
        raise BuildError(
            f"'{configured.label}' cannot be run", hint="run a model_image, or a target of an executable rule"
        )
    # The layers of a base image are fetched only where they are asked for.
    result = build_analyzed(session, analyzed, [configured], also=info.root).checked()
    blobs = (Blob(result.execution.digests[layer], layer.tree) for layer in info.root)
    layers = [digest for blob in blobs for digest in blob.parts(session.store.read)]
    return configured.label, info, prepare_root(layers, session.store)


def _environment(info: RunInfo, ports: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    values = {"{host}": HOST} | {f"{{{name}}}": str(number) for name, number in ports.items()}
    filled = dict(info.environment)
    for placeholder, value in values.items():
        filled = {name: text.replace(placeholder, value) for name, text in filled.items()}
    return tuple(sorted(filled.items()))


def _free_ports(wanted: Mapping[str, int], http: int | None, claims: ExitStack) -> dict[str, int]:
    """A free port for each name: the wanted one where nobody has it, else whichever the machine gives.

    A port that the user asked for must be free, and one that needs no privilege: nothing in the sandbox has any.
    Raises EnvironmentFault. Until `claims` is closed, no other mbuild
    takes one of them: it would find this one's server ready and believe that it is its own.
    """
    ports: dict[str, int] = {}
    if http and http < (lowest := _lowest_port()):
        raise EnvironmentFault(
            f"port {http} on {HOST} is for privileged programs only",
            hint=f"name one from {lowest} with --port, or leave it to mbuild; 'sysctl {_LOWEST_PORT}' moves the bound",
        )
    with ExitStack() as probes:
        for name, number in sorted(wanted.items(), key=lambda item: item[0] != "http"):
            asked = http if name == "http" else None
            found = _free(asked, probes, claims) if asked else _free(number, probes, claims) or _free(0, probes, claims)
            if found is None:
                raise EnvironmentFault(
                    f"port {asked} on {HOST} is taken", hint="name another with --port, or leave it to mbuild"
                )
            ports[name] = found
    return ports


def _lowest_port() -> int:
    """The first port that programs without privileges may listen on; 0 where the kernel knows no such bound."""
    try:
        return int(Path("/proc/sys", *_LOWEST_PORT.split(".")).read_text())
    except (OSError, ValueError):
        return 0


def _free(number: int, probes: ExitStack, claims: ExitStack) -> int | None:
    probe = _bound(number)
    if probe is None:
        return None
    port = int(probes.enter_context(probe).getsockname()[1])
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0mbuild-port-{port}")  # a name that lives as long as the process, where ports do
    except OSError:
        claim.close()
        return None
    claims.enter_context(claim)
    return port


def _taken(ports: Mapping[str, int]) -> bool:
    """Whether somebody else has one of them."""
    probes = [_bound(number) for number in ports.values()]
    for probe in probes:
        if probe:
            probe.close()
    return None in probes


def _bound(port: int) -> socket.socket | None:
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, port))
    except OSError:
        probe.close()
        return None
    return probe


class _Log:
    """What the server prints: passed on line by line where someone watches, and its last lines kept."""

    def __init__(self, session: Session, verbose: bool) -> None:
        self._listener = session.listener
        self._verbose = verbose
        self._rest = b""
        self.lines: list[str] = []

    def take(self, data: bytes) -> None:
        """The next bytes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            text = line.decode(errors="replace")
            self.lines = [*self.lines[-29:], text]
            if self._verbose:
                self._listener(Output(text))


def _wait_until_ready(server: Server, log: _Log, outcome: list[Ended | BaseException]) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        if server.ended.is_set():
            if outcome and isinstance(outcome[0], BaseException):
                raise outcome[0]
            raise BuildFailure(
                f"the server of '{server.label}' ended before it was ready", details="\n".join(log.lines)
            )
        if _answers(server.url(server.info.readiness)):
            return
        time.sleep(0.05)
    raise BuildFailure(
        f"the server of '{server.label}' was not ready after {STARTUP_SECONDS:g} s", details="\n".join(log.lines)
    )


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is never behind a proxy


def _answers(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=5):
            return True
    except OSError:
        return False


def _ask(url: str, method: str, body: bytes, label: str) -> bytes:
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": "application/json"})
    try:
        with _OPENER.open(request, timeout=120) as response:
            answer: bytes = response.read()
            return answer
    except urllib.error.HTTPError as error:
        raise BuildFailure(
            f"'{label}' refused the request: HTTP {error.code}", details=error.read().decode(errors="replace")[:2000]
        ) from None
    except OSError as error:
        raise BuildFailure(f"'{label}' did not answer: {error}") from None
