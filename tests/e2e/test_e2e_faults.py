"""What servers, disks, kernels and people do to a build: one clear error each, and a store that is usable after."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from invocations import MBUILD, Place, Ran

from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key

pytestmark = pytest.mark.e2e

VOLUME = """
model(name = "m", framework = "sklearn", srcs = ["m.joblib"])
model_volume(name = "good", models = [":m"])
"""
PYTHON_REQUEST = {
    "requirements": ["demo"],
    "constraints": [],
    "python": "3.11",
    "platform": "linux/amd64",
    "glibc": "2.36",
}
DEBIAN_REQUEST = {
    "suite": "bookworm",
    "components": ["main"],
    "architecture": "amd64",
    "packages": ["demo"],
    "omit": [],
}
OTHER = b"other bytes\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all: what went wrong before must not matter."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Place:
    place = Place(tmp_path / "workspace", cache)
    place.write({"mbuild.toml": "", "good/BUILD": VOLUME, "good/m.joblib": "m"})
    return place


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that has one file, and wants a login for the rest."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = OTHER if self.path == "/data.csv" else b""
            self.send_response(200 if body else 404 if self.path.startswith("/absent") else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="here"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@contextmanager
def closed_port() -> Iterator[str]:
    """An address that refuses connections: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def usable(place: Place) -> None:
    place.write({"good/m.joblib": uuid.uuid4().bytes})
    after = place.mbuild("//good")
    assert (after.code, len(after.actions)) == (0, 4), after.stderr


def refused(place: Place, *argv: str, code: int) -> str:
    """What is told about a fault; the store must be usable after."""
    ran = place.mbuild(*argv)
    assert (ran.code, ran.stdout) == (code, ""), ran.stderr
    usable(place)
    return ran.told


def hexdigest(line: str) -> str:
    return sha256(f"{line}\n".encode()).hexdigest()


def text(message: str) -> str:
    return textwrap.dedent(message).strip("\n")


def http_file(url: str, digest: str) -> str:
    return f'http_file(name = "x", urls = ["{url}"], sha256 = "{digest}")\n'


# Fetching


def test_a_file_with_other_bytes_is_not_kept_and_both_digests_are_shown(place: Place, server: str) -> None:
    place.write({"p/BUILD": http_file(f"http://user:secret@{server}/data.csv", 64 * "0")})
    found = sha256(OTHER).hexdigest()
    assert refused(place, "//p:x", code=1) == text(
        f"""
        error: the fetched 'data.csv' is not the file that its 'sha256' attribute names
          expected sha256:{64 * "0"}
          found    sha256:{found} (12 bytes)
          from     http://{server}/data.csv
          needed by //p:x
        hint: nothing was kept; find out who changed the file before you trust its new digest
        """
    )
    assert not (place.cache / "blobs/sha256" / found[:2] / found).exists()
    place.write({"p/BUILD": http_file(f"http://{server}/data.csv", found)})
    assert place.mbuild("//p:x").stdout == f"//p:x sha256:{found}\n"


def test_a_file_that_nobody_serves_says_who_was_asked(place: Place, server: str) -> None:
    place.write({"p/BUILD": http_file(f"http://{server}/absent.csv", 64 * "0")})
    assert refused(place, "//p:x", code=36) == text(
        f"""
        error: nobody serves 'absent.csv'
          asked http://{server}/absent.csv
          needed by //p:x
        hint: check the network and the address
        """
    )


def test_a_server_that_wants_a_login_is_told(place: Place, server: str) -> None:
    place.write({"p/BUILD": http_file(f"http://{server}/private.csv", 64 * "0")})
    assert refused(place, "//p:x", code=36) == text(
        f"""
        error: cannot fetch 'private.csv' from {server}: it answered 401 Unauthorized
          needed by //p:x
        hint: check the network and the address
        """
    )


def test_offline_names_what_the_store_lacks(place: Place, server: str) -> None:
    place.write({"p/BUILD": http_file(f"http://{server}/lacking.csv", 64 * "1")})
    assert refused(place, "--offline", "//p:x", code=36) == text(
        f"""
        error: 'lacking.csv' (sha256:{64 * "1"}) is not in the store, and --offline forbids to fetch it
          needed by //p:x
        hint: fetch it once, with 'mbuild fetch'
        """
    )
    place.write({"p/BUILD": http_file(f"http://{server}/data.csv", sha256(OTHER).hexdigest())})
    assert place.mbuild("//p:x").code == 0
    assert place.mbuild("--offline", "//p:x").code == 0


LOCKED = """
python_packages(name = "wheels", lock = "wheels.lock", requirements = ["demo"])
debian_packages(name = "debs", lock = "debs.lock", packages = ["demo"])
"""


def test_an_index_and_a_mirror_that_cannot_be_reached_are_named(place: Place) -> None:
    wheel = LockEntry("demo", "1.0", "demo-1.0-py3-none-any.whl", 10, 64 * "3")
    package = LockEntry("demo", "1.0", "pool/d/demo_1.0_all.deb", 10, 64 * "4", "all")
    for kind, request, entry, path in (
        ("python", PYTHON_REQUEST, wheel, "wheels"),
        ("debian", DEBIAN_REQUEST, package, "debs"),
    ):
        place.write({f"p/{path}.lock": render_lock(Lock(kind, request_key(kind, request), (entry,)))})
    with closed_port() as address:
        place.write({"p/BUILD": LOCKED})
        sources = (
            f'[python]\nindex = "http://user:secret@{address}/simple"\n[debian]\nmirror = "http://{address}/debian"\n'
        )
        place.write({"mbuild.toml": sources})
        assert refused(place, "--keep-going", "//p:wheels", "//p:debs", code=36) == text(
            f"""
            error: cannot fetch 'demo_1.0_all.deb' from {address}: connection refused (5 attempts)
              needed by //p:debs
            hint: check the network, and which mirror apt, or 'mirror' under [debian] in mbuild.toml, names; """
            f"""for files that left the mirrors name a 'snapshot' there
            error: cannot fetch the index page of 'demo' from {address}: connection refused (5 attempts)
              needed by //p:wheels
            hint: check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name
            """
        )
    assert refused(place, "--offline", "--keep-going", "//p:wheels", "//p:debs", code=36) == text(
        f"""
        error: 'demo_1.0_all.deb' (sha256:{64 * "4"}) is not in the store, and --offline forbids to fetch it
          needed by //p:debs
        hint: fetch it once, with 'mbuild fetch'
        error: 'demo-1.0-py3-none-any.whl' (sha256:{64 * "3"}) is not in the store, and --offline forbids to fetch it
          needed by //p:wheels
        hint: fetch it once, with 'mbuild fetch'
        """
    )


# Registries


def test_a_registry_that_cannot_be_reached_is_named(place: Place) -> None:
    usable(place)
    with closed_port() as address:
        told = refused(place, "push", "//good", f"{address}/models/good:1", "--plain-http", code=36)
    warning, *_ = told.splitlines()
    assert re.fullmatch(
        rf"warning: cannot reach registry '{address}' while asking for blob sha256:[0-9a-f]{{64}}: connection refused; "
        r"trying again in \d\.\d s",
        warning,
    )
    assert re.fullmatch(
        rf"error: cannot reach registry '{address}' while asking for blob sha256:[0-9a-f]{{64}}: connection refused\n"
        r"hint: check the host, the port, the network and the proxy settings",
        "\n".join(line for line in told.splitlines() if not line.startswith("warning: ")),
    )


def test_a_registry_that_wants_a_login_names_the_command_for_it(
    place: Place, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    told = refused(place, "push", "//good", f"{server}/models/good:1", "--plain-http", code=36)
    assert re.fullmatch(
        rf"error: registry '{server}' wants a login, while asking for blob sha256:[0-9a-f]{{64}}; "
        r"none is kept for it\n"
        rf"hint: run 'mbuild login {server}'",
        told,
    )


# Content


def test_a_git_lfs_pointer_is_no_model(place: Place) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * 'a'}\nsize 12345678\n"
    place.write({"p/BUILD": VOLUME, "p/m.joblib": pointer})
    assert refused(place, "//p:good", code=1) == text(
        """
        error: 'models/m/m.joblib' is a Git LFS pointer of 133 bytes, not the weights that it stands for
          while making 'p/m/weights-0.descriptors' for //p:m
        hint: run `git lfs pull` in the workspace, then build again
        """
    )


# Commands


def test_a_failed_command_shows_whose_it_is_what_ran_its_last_words_and_where_the_rest_is(place: Place) -> None:
    loud = "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; done; echo oh no >&2; exit 3"
    cmd = loud.replace("$((", "$$((")
    place.write({"p/BUILD": f'genrule(name = "x", outs = ["o"], cmd = "{cmd}", host_tools = True)'})
    ran = place.mbuild("//p:x")
    last = "\n".join(f"  | line {number}" for number in range(12, 31))
    assert (ran.code, ran.stdout, ran.told) == (
        1,
        "",
        f"error: //p:x: genrule failed: exit code 3\n"
        f"  command: /bin/sh -eu -c {shlex.quote(loud)}\n{last}\n  | oh no\n"
        f"hint: the full log is in '{place.cache}/logs/KEY.log'",
    )
    [log] = re.findall(r"'(\S+\.log)'", ran.stderr)
    assert Path(log).read_text().splitlines() == [f"line {number}" for number in range(1, 31)] + ["oh no"]
    usable(place)


def test_a_command_that_makes_nothing_says_what_was_expected(place: Place) -> None:
    place.write({"p/BUILD": 'genrule(name = "x", outs = ["o"], cmd = "echo hi > out/p/other", host_tools = True)'})
    ran = place.mbuild("//p:x")
    assert (ran.code, ran.told.splitlines()[0]) == (
        1,
        "error: //p:x: genrule failed: output 'p/o' is missing: expected a file at 'out/p/o', found nothing",
    )
    usable(place)


# Disk and kernel


def in_user_namespace(place: Place, script: str) -> Ran:
    """Run shell commands as the superuser of a new user namespace, where mounts and limits are one's own."""
    mbuild = shlex.join(MBUILD)
    ran = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-eu",
            "-c",
            f'mbuild() {{ {mbuild} "$@"; }}\n{script}',
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=place.root,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_a_full_disk_is_told_and_the_store_on_it_is_usable_after(place: Place, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    place.write(
        {
            "p/BUILD": """
genrule(name = "big", outs = ["big"], cmd = "head -c 30000000 /dev/urandom > $@", host_tools = True)
genrule(name = "small", outs = ["small"], cmd = "echo small > $@", host_tools = True)
"""
        }
    )
    ran = in_user_namespace(
        place,
        f"""
        mount -t tmpfs -o size=8m tmpfs {shlex.quote(str(disk))}
        export MBUILD_CACHE={shlex.quote(str(disk))}
        mbuild //p:big || echo exit $?
        mbuild //p:small
        """,
    )
    assert (ran.code, ran.stdout) == (0, f"exit 36\n//p:small sha256:{hexdigest('small')}\n"), ran.stderr
    assert ran.told == text(
        f"""
        error: cannot write an action's files below '{disk}': no space left on device
        hint: free some space there, or choose another folder with --cache-dir
        """
    )


def test_a_kernel_without_user_namespaces_names_the_setting(place: Place, tmp_path: Path) -> None:
    place.write({"p/BUILD": 'genrule(name = "x", outs = ["o"], cmd = "echo x > $@", host_tools = True)'})
    cache = shlex.quote(str(tmp_path / "cache"))
    ran = in_user_namespace(
        place,
        f"""
        echo 0 > /proc/sys/user/max_user_namespaces
        mbuild --cache-dir {cache} //p:x || echo exit $?
        mbuild --cache-dir {cache} --sandbox=none //p:x
        """,
    )
    assert (ran.code, ran.stdout) == (0, f"exit 36\n//p:x sha256:{hexdigest('x')}\n"), ran.stderr
    error, hint = ran.told.splitlines()
    assert error.startswith("error: cannot make a sandbox: ")
    assert hint == (
        "hint: allow it with 'sysctl -w user.max_user_namespaces=15000' as root, "
        "or use --sandbox=none (results are then not shared)"
    )


# Interruption


def temporary_files(place: Place) -> set[Path]:
    folder = place.cache / "tmp"
    return set(folder.iterdir()) if folder.is_dir() else set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_ends_at_once_and_leaves_nothing_running(place: Place, number: signal.Signals) -> None:
    marker = f"3{uuid.uuid4().int % 10**9}"
    place.write(
        {"p/BUILD": f'genrule(name = "x", outs = ["o"], cmd = "sleep {marker} & sleep {marker}", host_tools = True)'}
    )
    before = temporary_files(place)  # of stores that this process opened and has not let go
    process = place.start("//p:x")
    wait_until(lambda: len(processes(marker)) >= 2)
    process.send_signal(number)
    began = time.monotonic()
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (8, "", "interrupted\n")
    assert time.monotonic() - began < 5
    wait_until(lambda: not processes(marker))
    assert temporary_files(place) <= before
    usable(place)


def test_ctrl_c_does_not_wait_for_a_server_that_keeps_silent(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        place.write({"p/BUILD": http_file(f"http://{address}/data.csv", 64 * "2")})
        process = place.start("//p:x")
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            stdout, stderr = process.communicate(timeout=30)
            assert (process.returncode, stdout, stderr) == (8, "", "interrupted\n")
            assert time.monotonic() - began < 5
    usable(place)


def processes(marker: str) -> list[str]:
    """The commands of this machine that hold a marker."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if command.startswith("sleep ") and marker in command:
                found.append(command)
    return found


def wait_until(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
