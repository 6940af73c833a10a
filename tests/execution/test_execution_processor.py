"""Programs for other processors, and the failure that tells of them."""

from pathlib import Path

import pytest
from execution_fakes import World, derived, run

from buildkit.execution.failure import not_for_here
from buildkit.execution.processor import foreign
from buildkit.execution.sandbox.request import Root

OWN = b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00"


def program(*, machine: bytes, order: bytes = b"\x01") -> bytes:
    return b"\x7fELF\x02" + order + bytes(12) + machine


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own"
    path.write_bytes(OWN)
    return path


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (program(machine=b"\xb7\x00"), ("arm64", "amd64")),
        (program(machine=b"\x00\x16", order=b"\x02"), ("ELF machine 22", "amd64")),
        (program(machine=b"\x3e\x00"), None),
        (b"#!/bin/sh\n", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_a_program_is_known_by_its_first_bytes(
    tmp_path: Path, own: Path, content: bytes, told: tuple[str, str] | None
) -> None:
    root = tmp_path / "root"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "real").write_bytes(content)
    (root / "bin").symlink_to("usr/bin")
    (root / "usr" / "bin" / "python3").symlink_to("/bin/real")
    assert foreign(Root(root), "/bin/python3", own) == told


def test_nothing_is_told_of_what_is_not_there(tmp_path: Path, own: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "up").symlink_to("../../own")
    for name in ("/a", "/none", "/own/below", "relative", "/up"):
        assert foreign(Root(tmp_path), name, own) is None
    assert foreign(Root(None), "/bin/sh", own) is None


def test_the_failure_says_for_what_the_program_is() -> None:
    failure = not_for_here(run(derived("a"), "/usr/bin/python3", "-c", ""), "arm64", "amd64")
    assert str(failure) == (
        "error: //models:fraud: Run cannot run here: '/usr/bin/python3' is for arm64, this machine is amd64\n"
        "  command: /usr/bin/python3 -c ''\n"
        "hint: --host-platform says for which platform the programs of actions are, 'auto' that it is this machine's; "
        "or build where it can run"
    )


def test_a_command_of_the_host_that_fails_is_told_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program("make", lambda build, out: 127)
    result = world.build([run(derived("a"), "make")], derived("a"))
    assert result.failures[0].error.message == "//models:fraud: Run failed: exit code 127"
