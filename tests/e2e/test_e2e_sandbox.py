"""Tests of a workspace that reach for what they did not declare: they fail under every kind of sandbox.

The probes are a rule of the user's own, once in a runtime's layers and once with the machine's programs.
"""

from __future__ import annotations

import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from invocations import Place

pytestmark = pytest.mark.e2e

FRAUD = Path(__file__).parent.parent.parent / "examples" / "fraud"

RULE = """
load("@mbuild//rules:runtime.bzl", "RuntimeInfo", "root_of")

def _probe_test(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.run(
        outputs = [report],
        inputs = ctx.files.srcs,
        command = [word.replace("$@", "out/" + report.path) for word in ctx.attr.command],
        root = root_of(ctx.attr.runtime),
        mnemonic = "probe",
    )
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

probe_test = rule(
    implementation = _probe_test,
    test = True,
    attrs = {
        "srcs": attr.label_list(allow_files = True),
        "command": attr.string_list(mandatory = True),
        "runtime": attr.label(providers = [RuntimeInfo]),
    },
)
"""

# In the layers of a runtime there is Python; of the machine only a shell can be counted upon.
PYTHON = {
    "declared": "open('probe/declared.txt').read()",
    "file": "open({file!r}).read()",
    "socket": "import socket; socket.socket(socket.AF_UNIX).connect({path!r})",
    "abstract": "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + {name!r})",
    "network": "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)",
    "internet": "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)",
}
SHELL = {
    "declared": "cat probe/declared.txt",
    "file": "cat {file}",
    "socket": "ls {path}",
    "abstract": "grep {name} /proc/net/unix",
    "network": "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'",
    "internet": "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'",
}
REASONS = {
    "file": "No such file or directory",
    "socket": "No such file or directory",
    "abstract": "Connection refused|it printed nothing",  # the latter is grep, which finds nothing
    "network": "Connection refused",
    "internet": "Network is unreachable",
}


@dataclass(frozen=True)
class Reach:
    """What is there on this machine, and was not declared."""

    file: str
    path: str
    name: str
    port: int


@pytest.fixture
def reach(tmp_path: Path) -> Iterator[Reach]:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret\n")
    with ExitStack() as opened:
        unix, abstract = (opened.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        tcp = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        path, name = f"/var/tmp/{uuid.uuid4().hex}", f"mbuild-{uuid.uuid4().hex}"
        opened.callback(lambda: Path(path).unlink(missing_ok=True))
        unix.bind(path)
        abstract.bind("\0" + name)
        for server in (unix, abstract):
            server.listen()
        yield Reach(str(secret), path, name, tcp.getsockname()[1])


@pytest.fixture
def place(tmp_path: Path, kept_store: Path, reach: Reach) -> Place:
    place = Place(tmp_path / "fraud", kept_store)
    shutil.copytree(FRAUD, place.root, ignore=shutil.ignore_patterns("mbuild-out"))
    build = 'load(":probe.bzl", "probe_test")\n'
    for name, code in PYTHON.items():
        words = ["/usr/bin/python3", "-I", "-c", f"{fill(code, reach)}; open('$@', 'w')"]
        build += f'probe_test(name = "{name}_layers", command = {words}, srcs = ["declared.txt"], '
        build += 'runtime = "//third_party:training")\n'
    for name, code in SHELL.items():
        words = ["/bin/sh", "-euc", f"{fill(code, reach)}; touch $@"]
        build += f'probe_test(name = "{name}_host", command = {words}, srcs = ["declared.txt"])\n'
    place.write({"probe/BUILD": build, "probe/probe.bzl": RULE, "probe/declared.txt": f"{uuid.uuid4()}\n"})
    return place


def fill(code: str, reach: Reach) -> str:
    return code.format(file=reach.file, path=reach.path, name=reach.name, port=reach.port)


@pytest.fixture(params=["bubblewrap", "namespaces"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "bubblewrap" and not shutil.which("bwrap"):
        programs = request.getfixturevalue("programs")
        monkeypatch.setenv("PATH", str(programs.folder), prepend=":")
    return str(request.param)


def test_tests_that_reach_for_what_they_did_not_declare_fail(place: Place, kind: str) -> None:
    ran = place.mbuild("test", f"--sandbox={kind}", "--keep-going", "//probe:all")
    labels = sorted(f"{name}_{root}" for name in PYTHON for root in ("host", "layers"))
    expected = {label: "passed" if label.startswith("declared_") else "FAILED" for label in labels}
    assert ran.stdout == "".join(f"//probe:{label} {verdict}\n" for label, verdict in expected.items()), ran.stderr
    assert ran.code == 3
    for label, verdict in expected.items():
        if verdict == "FAILED":
            [details] = re.findall(
                rf"^error: //probe:{label}: probe failed: exit code \d+\n  command: .*\n((?:  .*\n)*)",
                ran.stderr,
                re.MULTILINE,
            )
            assert re.search(REASONS[label.partition("_")[0]], details), ran.stderr


def test_without_a_sandbox_the_same_commands_find_what_they_reach_for(place: Place, reach: Reach) -> None:
    """So the probes above fail for the sandbox's sake."""
    labels = [f"//probe:{name}_host" for name in ("abstract", "declared", "file", "network", "socket")]
    ran = place.mbuild("test", "--sandbox=none", *labels)
    assert (ran.code, ran.stdout) == (0, "".join(f"{label} passed\n" for label in labels)), ran.stderr


def test_what_ran_without_a_sandbox_is_run_again_in_one(place: Place) -> None:
    label = "//probe:file_host"
    assert place.mbuild("test", "--sandbox=none", label).code == 0
    assert place.mbuild("test", "--sandbox=namespaces", label).code == 3
