from dataclasses import replace
from pathlib import Path

import pytest

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildErrors, EnvironmentFault
from buildkit.graph.lockfile import Lock, LockEntry, parse_lock, render_lock, request_key
from buildkit.lock import check, write

SHA = "0123456789abcdef" * 4
REQUEST = {"requirements": ["b", "a"], "python": "3.11"}
KEY = request_key("python", REQUEST)
WHEEL = LockEntry("demo-pkg", "1.0+cpu", "demo_pkg-1.0+cpu-py3-none-any.whl", 12, SHA)
DEB = LockEntry("libc6", "1:2.36-9+deb12u1~x", "pool/main/g/glibc/libc6_2.36-9+deb12u1~x_amd64.deb", 7, SHA, "amd64")
TEXT = f"# mbuild lock 1 python {KEY}\n# served by extra-1: demo-pkg\ndemo-pkg 1.0+cpu {WHEEL.filename} 12 {SHA}\n"


def test_a_lock_is_written_and_read_back() -> None:
    lock = Lock("python", KEY, (WHEEL,), (("served by extra-1", "demo-pkg"),))
    assert render_lock(lock) == TEXT
    assert parse_lock(TEXT, "x.lock") == lock
    assert WHEEL.digest == Digest(SHA, 12)


def test_a_debian_lock_has_an_architecture_and_a_path_in_the_pool() -> None:
    lock = Lock("debian", KEY, (DEB,))
    assert render_lock(lock).splitlines()[1] == f"libc6 1:2.36-9+deb12u1~x amd64 {DEB.filename} 7 {SHA}"
    assert parse_lock(render_lock(lock), "x.lock") == lock


def test_entries_are_sorted_whatever_their_order() -> None:
    other = replace(WHEEL, name="abc", filename="abc-1-py3-none-any.whl")
    assert render_lock(Lock("python", KEY, (WHEEL, other))) == render_lock(Lock("python", KEY, (other, WHEEL)))


def test_the_order_of_a_requests_lists_does_not_matter() -> None:
    assert request_key("python", {"python": "3.11", "requirements": ["a", "b"]}) == KEY
    assert request_key("python", {**REQUEST, "python": "3.12"}) != KEY
    assert request_key("debian", REQUEST) != KEY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.lock:1:1: error: not a lock: expected '# mbuild lock 1 KIND KEY' in the first line, found ''"),
        (
            "demo 1 f\n",
            "x.lock:1:1: error: not a lock: expected '# mbuild lock 1 KIND KEY' in the first line, found 'demo 1 f'",
        ),
        (TEXT.replace("lock 1", "lock 2"), "x.lock:1:15: error: lock has format 2, expected format 1"),
        (
            TEXT.replace("python", "ruby"),
            "x.lock:1:17: error: lock is of kind 'ruby', expected one of debian, image, python",
        ),
        (
            TEXT.replace(" 12 ", " "),
            "x.lock:3:1: error: lock entry has 4 columns, expected 5: name version filename size sha256",
        ),
        (TEXT.replace(" 12 ", " 1x "), "x.lock:3:52: error: lock entry has size '1x', expected a number of bytes"),
        (
            TEXT.replace("demo_pkg-", "../demo_pkg-"),
            "x.lock:3:18: error: lock entry has filename '../demo_pkg-1.0+cpu-py3-none-any.whl', "
            "expected the file name of a wheel",
        ),
        (
            TEXT.replace("\ndemo-pkg", "\nDemo"),
            "x.lock:3:1: error: lock entry has name 'Demo', expected a normalized name ('a-z', '0-9', '-')",
        ),
        (TEXT + TEXT.splitlines()[2] + "\n", "x.lock:4:1: error: lock names 'demo-pkg' twice"),
        (
            TEXT.replace(SHA, SHA.upper()),
            f"x.lock:3:55: error: lock entry has sha256 '{SHA.upper()}', expected 64 lower-case hexadecimal digits",
        ),
    ],
)
def test_a_damaged_lock_is_shown_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse_lock(text, "x.lock")
    assert str(caught.value).splitlines()[0] == message
    assert str(caught.value).splitlines()[1].startswith("hint: write the lock anew with 'mbuild lock'")


@pytest.mark.parametrize("path", ["../x.deb", "pool/../x.deb", "/pool/x.deb", "x.deb", "pool//x.deb", "pool/x.txt"])
def test_a_path_in_the_pool_stays_in_the_pool(path: str) -> None:
    with pytest.raises(BuildError, match="expected a path in the archive's pool"):
        parse_lock(render_lock(Lock("debian", KEY, (replace(DEB, filename=path),))), "x.lock")


def test_several_faults_are_shown_together() -> None:
    lines = TEXT.replace(" 12 ", " x ") + "a b\n"
    with pytest.raises(BuildErrors) as caught:
        parse_lock(lines, "x.lock")
    assert [str(fault.span) for fault in caught.value.errors] == ["x.lock:3:52", "x.lock:4:1"]


def test_a_lock_is_checked_against_its_request_alone() -> None:
    assert check("python", REQUEST, TEXT, "x.lock") is None
    assert str(check("python", {**REQUEST, "python": "3.12"}, TEXT, "x.lock")) == (
        "x.lock:1:1: error: the lock 'x.lock' is stale: it answers another request\nhint: run 'mbuild lock'"
    )
    assert str(check("python", REQUEST, None, "x.lock")) == (
        "error: the lock 'x.lock' does not exist\nhint: run 'mbuild lock'"
    )
    assert str(check("debian", REQUEST, TEXT, "x.lock")).splitlines()[0] == (
        "x.lock:1:1: error: 'x.lock' is a python lock, expected a debian lock"
    )
    assert check("python", REQUEST, "nonsense", "x.lock") is not None


def test_a_lock_is_written_only_if_it_changes(tmp_path: Path) -> None:
    lock, path = parse_lock(TEXT, "x.lock"), tmp_path / "locks" / "x.lock"
    assert write(lock, path)
    assert path.read_text() == TEXT
    assert not write(lock, path)
    assert write(replace(lock, entries=()), path)
    assert [member.name for member in path.parent.iterdir()] == ["x.lock"]


def test_a_lock_that_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault) as caught:
        write(parse_lock(TEXT, "x.lock"), tmp_path / "file" / "x.lock")
    assert caught.value.message == f"cannot write the lock '{tmp_path}/file/x.lock': file exists"
