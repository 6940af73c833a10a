"""Locks in the graph: parsed at load, checked in analysis, and let pass while they are written."""

from pathlib import Path

import pytest
from graph_fakes import LOAD, Place, one_rule, place

from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key
from buildkit.graph.provider import LockInfo
from buildkit.label import Label

X = Label("", "p", "x")
REQUEST = {"packages": ["demo"], "strict": True}
BODY = (
    "print([entry.name for entry in ctx.attr.lock.entries]); "
    'return [LockInfo(kind = "python", file = ctx.attr.lock.path, request = {"packages": ["demo"], "strict": True})]'
)
CALL = 'thing(name = "x", lock = "x.lock")'
SHOWN = f"    {CALL}\n                      ^~~~\n"
ENTRY = LockEntry("demo", "1.0", "demo-1.0-py3-none-any.whl", 10, "0" * 64)


def with_lock(tmp_path: Path, text: str | None) -> Place:
    made = place(tmp_path, one_rule('{"lock": attr.lock(mandatory = True)}', BODY) | {"p/BUILD": LOAD + CALL + "\n"})
    return made if text is None else made.write({"p/x.lock": text})


def lock(kind: str = "python", request: dict[str, object] | None = None) -> str:
    return render_lock(Lock(kind, request_key(kind, request or REQUEST), (ENTRY,) if kind == "python" else ()))


def test_a_rule_sees_the_entries_and_the_command_the_request(tmp_path: Path) -> None:
    made = with_lock(tmp_path, lock())
    assert made.analyze().configured[X].lock == LockInfo("python", REQUEST, "p/x.lock")
    assert made.printed == ['defs.bzl:2:5: ["demo"]']


FAULTS = {
    "no lock": (
        None,
        f"p/BUILD:2:19: error: the lock 'p/x.lock' does not exist\n{SHOWN}hint: run 'mbuild lock //p:x'",
    ),
    "a stale lock": (
        lock(request={"packages": ["other"]}),
        f"p/BUILD:2:19: error: the lock 'p/x.lock' is stale: it answers another request\n{SHOWN}"
        "hint: run 'mbuild lock //p:x'",
    ),
    "a lock of another kind": (
        lock("debian"),
        f"p/BUILD:2:19: error: 'p/x.lock' is a debian lock, expected a python lock\n{SHOWN}"
        "hint: name a file of its own; 'mbuild lock //p:x' writes it",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lock_that_does_not_answer_is_told_and_passes_while_locks_are_written(tmp_path: Path, fault: str) -> None:
    text, message = FAULTS[fault]
    made = with_lock(tmp_path, text)
    told = made.told("//p:x")
    assert [line for line in told.splitlines() if "called from" not in line and "in //p:x" not in line] == (
        message.splitlines()
    )
    made.printed.clear()
    assert made.analyze("//p:x", lenient=True).configured[X].lock == LockInfo("python", REQUEST, "p/x.lock")


def test_every_fault_of_a_lock_is_told_and_passes_while_locks_are_written(tmp_path: Path) -> None:
    text = lock() + "short line\nDemo 1 x.whl 1 " + "0" * 64 + "\n"
    made = with_lock(tmp_path, text)
    told = made.told("//p:x").splitlines()
    assert [line.partition(": error: ")[0] for line in told if ": error: " in line] == ["p/x.lock:3:1", "p/x.lock:4:1"]
    assert made.analyze("//p:x", lenient=True).configured[X].lock is not None
    assert made.printed == ["defs.bzl:2:5: []"]


def test_a_lock_with_faults_hides_no_fault_of_its_build_file(tmp_path: Path) -> None:
    made = with_lock(tmp_path, "no lock")
    made.write({"p/BUILD": LOAD + CALL + "\nthing(nam = 3)\n"})
    places = [line.partition(": error: ")[0] for line in made.told("//p:x").splitlines() if ": error: " in line]
    assert places == ["p/x.lock:1:1", "p/BUILD:3:7", "p/BUILD:3:1"]
