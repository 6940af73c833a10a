"""What a command can reach from inside each kind of sandbox, tried for real."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from execution_fakes import minimal_layer

from buildkit.errors import BuildError, EnvironmentFault
from buildkit.execution import prepare_root
from buildkit.execution.sandbox import Bind, Command, Ended, Root, Sandbox, select_sandbox
from buildkit.execution.sandbox.bubblewrap import Bubblewrap
from buildkit.execution.sandbox.namespaces import Namespaces
from buildkit.execution.sandbox.none import NoSandbox
from buildkit.execution.sandbox.select import choose
from buildkit.store import DiskStore

ENVIRONMENT = (("HOME", "/tmp"), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("TZ", "UTC"))
REAL = ("namespaces", "bubblewrap")


def sandbox_of(kind: str) -> Sandbox:
    return {"namespaces": Namespaces(), "bubblewrap": Bubblewrap(), "none": NoSandbox()}[kind]


class Place:
    """A sandbox with a scratch folder, one declared input and an output folder."""

    def __init__(self, sandbox: Sandbox, folder: Path, root: Root) -> None:
        self.sandbox, self.folder, self.root = sandbox, folder, root
        self.out = folder / "out"
        self.said = b""
        (folder / "build" / "out").mkdir(parents=True)
        (folder / "build" / "data").mkdir()
        (folder / "build" / "data" / "in.txt").write_text("declared\n")
        self.out.mkdir()

    def run(self, *argv: str, stop: threading.Event | None = None, **more: object) -> Ended:
        mounts = [Bind("/build", self.folder / "build"), Bind("/build/out", self.out, writable=True)]
        if self.root.folder is None and not sys.base_prefix.startswith("/usr"):
            mounts.append(Bind(sys.base_prefix, Path(sys.base_prefix)))
        command = Command(argv, ENVIRONMENT, self.root, self.folder, tuple(mounts), **more)  # type: ignore[arg-type]
        said: list[bytes] = []
        ended = self.sandbox.run(command, said.append, stop or threading.Event())
        self.said = b"".join(said)
        return ended

    def python(self, program: str, **more: object) -> str:
        """What a Python program prints inside; it must end well."""
        interpreter = os.path.realpath(sys.executable)
        ended = self.run(interpreter, "-I", "-S", "-c", textwrap.dedent(program), **more)
        assert ended == Ended(0), self.said.decode()
        return self.said.decode()

    def shell(self, script: str) -> str:
        ended = self.run("sh", "-c", script)
        assert ended == Ended(0), self.said.decode()
        return self.said.decode()


@pytest.fixture(params=REAL)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A real sandbox over the host's root."""
    return Place(sandbox_of(request.param), tmp_path / "scratch", Root(None))


@pytest.fixture(scope="module")
def layered_root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    store = DiskStore(tmp_path_factory.mktemp("store"))
    return prepare_root([store.put(minimal_layer("sh", "cat", "ls", "id", "sleep"))], store)


@pytest.fixture(params=REAL)
def layered(request: pytest.FixtureRequest, tmp_path: Path, layered_root: Root) -> Place:
    """A real sandbox over a root of one small layer."""
    return Place(sandbox_of(request.param), tmp_path / "scratch", layered_root)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Something of the host's that listens on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_command_reads_its_inputs_and_writes_its_outputs(layered: Place) -> None:
    assert layered.shell("cat data/in.txt > out/copy; cat out/copy") == "declared\n"
    assert (layered.out / "copy").read_text() == "declared\n"
    assert (layered.out / "copy").stat().st_uid == os.geteuid()


def test_a_root_of_layers_holds_its_layers_and_nothing_of_the_host(layered: Place) -> None:
    assert layered.shell("ls /") == "build\ndev\nlib\nlib64\nproc\ntmp\nusr\n"
    assert layered.shell("ls /build /tmp /build/out") == "/build:\ndata\nout\n\n/build/out:\n\n/tmp:\n"


def test_nothing_but_outputs_and_tmp_can_be_written(layered: Place) -> None:
    script = "for place in / /usr /build /build/data /dev; do (: > $place/x) 2>/dev/null && echo wrote $place; done; :"
    assert layered.shell(script) == ""
    assert layered.shell(": > /tmp/x; : > out/x; : > /dev/shm/x; (: >> data/in.txt) 2>/dev/null || echo refused") == (
        "refused\n"
    )


def test_an_undeclared_file_is_not_there(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "undeclared.txt"
    secret.write_text("secret")
    assert place.run("cat", str(secret)) == Ended(1)
    assert b"No such file or directory" in place.said
    assert place.run("ls", "/home") != Ended(0)
    assert place.run("ls", "/sys") != Ended(0)


def test_the_network_cannot_be_reached(place: Place, server: socket.socket) -> None:
    port = server.getsockname()[1]
    program = f"""
        import socket
        for target in (("127.0.0.1", {port}), ("192.0.2.1", 80)):
            try:
                socket.create_connection(target, timeout=5)
                print("connected")
            except OSError as error:
                print(error.strerror)
    """
    assert place.python(program) == "Connection refused\nNetwork is unreachable\n"


def test_the_loopback_is_up(place: Place) -> None:
    program = """
        import socket
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
        print("up")
    """
    assert place.python(program) == "up\n"


def test_host_sockets_cannot_be_reached(place: Place, tmp_path: Path) -> None:
    names = ["\0mbuild-test-" + tmp_path.name, "/tmp/mbuild-test-" + str(os.getpid())]
    program = f"""
        import socket
        for name in {names!r}:
            try:
                socket.socket(socket.AF_UNIX).connect(name)
                print("connected")
            except OSError as error:
                print(error.strerror)
    """
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as path:
        for listening, name in ((abstract, names[0]), (path, names[1])):
            listening.bind(name)
            listening.listen()
        try:
            assert place.python(program) == "Connection refused\nNo such file or directory\n"
        finally:
            Path(names[1]).unlink()


def test_with_a_network_the_hosts_servers_are_reached(place: Place, server: socket.socket) -> None:
    program = (
        f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=5); print('ok')"
    )
    assert place.python(program, network=True) == "ok\n"


def test_the_user_the_groups_and_the_name_of_the_machine_are_fixed(place: Place) -> None:
    program = """
        import os, socket
        print(os.getuid(), os.geteuid(), os.getgid(), os.getcwd(), socket.gethostname(), oct(os.umask(0)))
        print(sorted(open("/proc/self/environ").read().split(chr(0))))
    """
    assert place.python(program) == (
        "1000 1000 1000 /build mbuild 0o22\n"
        "['', 'HOME=/tmp', 'PATH=/usr/local/bin:/usr/bin:/bin', 'PWD=/build', 'TZ=UTC']\n"
    )


def test_a_command_has_no_capabilities_and_gets_none(place: Place) -> None:
    told = place.shell("cat /proc/self/status")
    found = {line.split(":")[0]: line.split(":")[1].strip() for line in told.splitlines()}
    assert {name: int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapAmb"), 0
    )
    assert found["NoNewPrivs"] == "1"


def test_descriptors_are_not_inherited(place: Place, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        program = """
            import os
            names = [int(name) for name in os.listdir("/proc/self/fd")]
            print([name for name in sorted(names) if os.path.exists(f"/proc/self/fd/{name}") or name < 3])
        """
        assert place.python(program) == "[0, 1, 2]\n"


def test_the_machine_cannot_be_steered_through_proc(place: Place) -> None:
    script = "(echo 1 > /proc/sys/vm/drop_caches) 2>/dev/null && echo wrote; ls -d /proc/1 > /dev/null && echo own"
    assert place.shell(script) == "own\n"


def test_processes_of_the_host_are_not_seen(place: Place) -> None:
    program = f"import os; print(os.path.exists('/proc/{os.getpid()}') and {os.getpid()} > 100)"
    assert place.python(program) == "False\n"


def test_exit_codes_and_signals_are_told(place: Place) -> None:
    assert place.run("sh", "-c", "exit 7") == Ended(7)
    assert place.run("sh", "-c", "kill -9 $$") == Ended(-1, signal=9)


def test_a_program_that_is_not_there_is_an_exit_code(place: Place) -> None:
    assert place.run("no-such-program") == Ended(127)
    assert b"no-such-program" in place.said


def test_a_command_that_takes_too_long_is_ended(place: Place) -> None:
    begun = time.monotonic()
    assert place.run("sleep", "60", timeout=0.3) == Ended(-1, timed_out=True)
    assert time.monotonic() - begun < 10


def test_a_stopped_command_may_clean_up(place: Place) -> None:
    stop = threading.Event()
    program = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit(0)))
        print("ready", flush=True)
        time.sleep(60)
    """
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    interpreter = os.path.realpath(sys.executable)
    ended = place.run(interpreter, "-I", "-S", "-c", textwrap.dedent(program), stop=stop, grace=10.0)
    assert (ended, place.said) == (Ended(-1, stopped=True), b"ready\nbye\n")


def test_what_a_command_leaves_running_ends_with_it(place: Place) -> None:
    marker = f"61.{os.getpid()}"
    assert place.run("sh", "-c", f"sleep {marker} & exit 0") == Ended(0)
    assert processes(marker) == []


def test_output_is_passed_on_while_the_command_runs(place: Place) -> None:
    times: list[float] = []
    command = Command(("sh", "-c", "echo a; sleep 0.5; echo b"), ENVIRONMENT, Root(None), place.folder, folder="/")
    place.sandbox.run(command, lambda data: times.append(time.monotonic()), threading.Event())
    assert len(times) == 2
    assert times[1] - times[0] > 0.3


def test_a_big_file_is_seen_where_it_lies(layered: Place, tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"w" * 10)
    assert layered.root.folder is not None
    (layered.root.folder / "usr" / "weights").touch()
    layered.root = Root(layered.root.folder, (Bind("/usr/weights", weights),))
    assert layered.shell("cat /usr/weights") == "w" * 10


def processes(marker: str) -> list[str]:
    """The command lines of living processes that hold a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if marker in line:
                found.append(line)
    return found


RUNNER = """
import sys, threading
from pathlib import Path
from buildkit.execution.sandbox import Bind, Command, Root
from buildkit.execution.sandbox.bubblewrap import Bubblewrap
from buildkit.execution.sandbox.namespaces import Namespaces
sandbox = {{"namespaces": Namespaces, "bubblewrap": Bubblewrap}}[{kind!r}]()
command = Command(("sleep", {marker!r}), (("PATH", "/usr/bin:/bin"),), Root(None), Path({folder!r}), folder="/")
sandbox.run(command, lambda data: None, threading.Event())
"""


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_command_dies_with_mbuild(kind: str, number: signal.Signals, tmp_path: Path) -> None:
    marker = f"7{number}.{os.getpid()}"
    program = RUNNER.format(kind=sandbox_of(kind).kind, marker=marker, folder=str(tmp_path))
    runner = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: any(line.startswith("sleep") for line in processes(marker)))
        runner.send_signal(number)
        runner.wait(10)
        assert eventually(lambda: processes(marker) == [])
    finally:
        runner.kill()
        runner.wait()


@pytest.mark.parametrize("kind", [*REAL, "none"])
def test_ctrl_c_lets_a_server_end_by_itself(kind: str, tmp_path: Path) -> None:
    server = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    program = f"""
import threading
from pathlib import Path
from buildkit.execution.sandbox import Bind, Command, Root
from buildkit.execution.sandbox.bubblewrap import Bubblewrap
from buildkit.execution.sandbox.namespaces import Namespaces
from buildkit.execution.sandbox.none import NoSandbox
kinds = {{"namespaces": Namespaces, "bubblewrap": Bubblewrap, "none": NoSandbox}}
command = Command(
    ("sh", "-c", {server!r}), (("PATH", "/usr/bin:/bin"),), Root(None), Path({str(tmp_path)!r}),
    folder="/", network=True, grace=10.0,
)
try:
    kinds[{kind!r}]().run(command, lambda data: print(data.decode(), end="", flush=True), threading.Event())
except KeyboardInterrupt:
    print("interrupted")
"""
    assert sandbox_of(kind).kind == kind
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "ready\n"
        runner.send_signal(signal.SIGINT)
        assert runner.communicate(timeout=20)[0] == "bye\ninterrupted\n"


def eventually(condition: "object", seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_without_a_sandbox_a_host_command_reads_inputs_and_writes_outputs(tmp_path: Path) -> None:
    place = Place(NoSandbox(), tmp_path / "scratch", Root(None))
    assert place.shell("cat data/in.txt /build/data/in.txt 2>/dev/null > out/copy; id -u") == f"{os.getuid()}\n"
    assert (place.out / "copy").read_text() == "declared\n"
    assert place.run("cat", "/build/data/in.txt") == Ended(0)
    assert place.said == b"declared\n"
    assert place.run("sleep", "60", timeout=0.2) == Ended(-1, timed_out=True)
    assert place.run("no-such-program") == Ended(127)


def test_without_a_sandbox_a_root_of_layers_needs_the_superuser(tmp_path: Path, layered_root: Root) -> None:
    place = Place(NoSandbox(), tmp_path / "scratch", layered_root)
    if os.geteuid() == 0:
        assert (
            place.shell("cat data/in.txt > out/copy; id -u; ls /") == "1000\nbuild\ndev\nlib\nlib64\nproc\ntmp\nusr\n"
        )
        assert (place.out / "copy").read_text() == "declared\n"
    else:
        with pytest.raises(EnvironmentFault) as caught:
            place.run("id")
        assert str(caught.value) == (
            "error: without a sandbox only the superuser can run a command in a root of layers\n"
            "hint: let the kernel allow user namespaces and leave out --sandbox=none, or run mbuild as root"
        )


def test_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(BuildError) as caught:
        select_sandbox("bubblewarp")
    assert str(caught.value) == "error: unknown sandbox 'bubblewarp'\nhint: did you mean 'bubblewrap'?"


def test_a_missing_bubblewrap_is_named() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        choose("bubblewrap", find=lambda name: None)
    assert str(caught.value) == (
        "error: bubblewrap is not installed: 'bwrap' is not on the PATH\n"
        "hint: install the package 'bubblewrap', or use --sandbox=auto"
    )


class Refusing:
    kind = "namespaces"

    def run(self, command: Command, log: object, stop: object) -> Ended:
        raise EnvironmentFault("cannot make a sandbox: the kernel refuses new namespaces: operation not permitted")


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_the_setting_that_forbids_a_sandbox_is_named(tmp_path: Path, name: str, value: str, cure: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(f"{value}\n")
    with pytest.raises(EnvironmentFault) as caught:
        choose("auto", candidates=[Refusing()], settings=tmp_path)
    assert str(caught.value) == (
        "error: cannot make a sandbox: the kernel refuses new namespaces: operation not permitted\n"
        f"hint: allow it with 'sysctl -w {cure}' as root, or use --sandbox=none (results are then not shared)"
    )


def test_a_kernel_that_forbids_namespaces_is_told_by_its_setting() -> None:
    program = """
from buildkit.execution.sandbox.select import choose
try:
    choose("namespaces")
except Exception as error:
    print(int(error.exit_code), error)
"""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, sys.executable, program]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == (
        "36 error: cannot make a sandbox: the kernel refuses new namespaces: no space left on device\n"
        "hint: allow it with 'sysctl -w user.max_user_namespaces=15000' as root, "
        "or use --sandbox=none (results are then not shared)\n"
    )


def test_the_first_sandbox_that_works_is_taken(tmp_path: Path) -> None:
    chosen = choose("auto", candidates=[Refusing(), Namespaces()], settings=tmp_path)
    assert chosen == Namespaces()
