"""A password that stands where a host, a reference or an output is wanted is in no message."""

from __future__ import annotations

import io
import itertools
import sys
from pathlib import Path

import pytest
from invocations import Ran, in_process

PASSWORDS = (
    "cr3t",
    "S/cr3t",
    "S@cr3t",
    "s:cr3t",
    "5000/cr3t",
    "cr3t/%2F",
    "sha256:cr3t",
    "cr3t@sha256:0",
    "a b cr3t",
    "?cr3t#",
)
USERS = ("alice", "robot$ci", "registry.example")
HOSTS = ("localhost:7500", "registry.example", "[::1]:5000", "")
SCHEMES = ("", "https://", "//", "oci://")
ENDS = ("", "/", "/x", "/x:1", "/x/y@sha256:" + "0" * 64)
GIVEN = [
    f"{scheme}{user}:{password}@{host}{end}"
    for (scheme, end), (user, host), password in zip(
        itertools.cycle(itertools.product(SCHEMES, ENDS)),
        itertools.cycle(itertools.product(USERS, HOSTS)),
        PASSWORDS * 9,
        strict=False,
    )
]
COMMANDS = (
    ("login", "-u", "me", "--password-stdin"),
    ("login", "localhost:1"),
    ("logout",),
    ("tags",),
    ("tag", "localhost:1/x:1"),
    ("promote", "localhost:1/x:1"),
    ("pull",),
    ("pull", "localhost:1/x:1", "--output"),
    ("copy", "localhost:1/x:1"),
    ("push", "//:x"),
    ("referrers",),
    ("attach",),
    ("image", "diff", "oci:x"),
    ("build", "//:x", "--output"),
)
FILES = (
    '[registry."{}"]\nplain_http = true\n',
    '[registry."{}"]\nplan_http = true\n',
    'registry."{}" = 3\n',
    '[registry."localhost:7500"]\nmirror = "{}"\n',
    '[registry."localhost:7500"]\nmirror = ["{}"]\n',
    '[registry."localhost:7500"]\nmirror = "{}"x\n',
    '[registry]\n"localhost:7500" = {{ mirror = "{}", ca = 3 }}\n',
    '[cache]\nregistry = "{}"\n',
    '[python]\nindexes = "{}"\n',
)


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mbuild.toml").touch()
    (tmp_path / "BUILD").write_text("image_index(name = 'x', images = [])\n")


def told(ran: Ran) -> str:
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_tells_a_password(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for given in GIVEN:
        monkeypatch.setattr(sys, "stdin", io.StringIO("other\n"))
        ran = in_process(*command, given)
        if not (given.startswith("//") and "unexpected argument" in ran.stderr):  # it may as well be a label
            assert (ran.code != 0, "cr3t" in told(ran)) == (True, False), (given, told(ran))


@pytest.mark.parametrize("file", FILES)
def test_no_fault_of_the_configuration_tells_a_password(file: str, tmp_path: Path) -> None:
    for given in GIVEN:
        (tmp_path / "mbuild.toml").write_text(file.format(given))
        ran = in_process("build", "//:x")
        assert (ran.code != 0, "cr3t" in told(ran)) == (True, False), (given, told(ran))


def test_a_source_line_is_quoted_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "BUILD").write_text('image_index(name = "x", images = [], nme = "alice:S3cr3t@registry.example/x")\n')
    ran = in_process("build", "//:x")
    assert (ran.code, "***@registry.example" in ran.stderr, "cr3t" in told(ran)) == (2, True, False)


def test_the_hint_of_a_login_names_the_host_alone() -> None:
    for given in ("https://alice:S3cr3tPw@localhost:7500", "alice:S3cr3tPw@localhost:7500"):
        assert in_process("logout", given) == Ran(
            2, "", "error: '***@localhost:7500' is not a registry's host\nhint: write 'localhost:7500'\n"
        )
