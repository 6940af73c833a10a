"""Many packages are loaded by several processes, and the outcome is that of one."""

import os
from pathlib import Path

import pytest
from graph_fakes import LOAD, Place, RecordingCache, one_rule, place

from buildkit.errors import BuildErrors
from buildkit.graph.forked import can_fork, forked
from buildkit.graph.loader import Loader
from buildkit.label import Label, TargetPattern

pytestmark = pytest.mark.skipif(not can_fork(), reason="other threads run here")
MANY = {f"p{number}/BUILD": LOAD + f'thing(name = "x{number}")\n' for number in range(120)}


def loaded(made: Place, jobs: int) -> Loader:
    made.cache, made.printed = RecordingCache(), []
    return Loader(made.workspace, made.cache, made.print, jobs=jobs)


def test_many_packages_are_the_same_from_several_processes(tmp_path: Path) -> None:
    made = place(tmp_path, {**one_rule(), **MANY})
    everything = [TargetPattern.parse("//...")]
    alone, together = loaded(made, 1), loaded(made, 3)
    assert together.graph(everything) == alone.graph(everything)
    assert together.files.facts == alone.files.facts
    assert together.rules[Label("", "p7", "x7")].name == "thing"
    together.keep()
    again = Loader(made.workspace, made.cache, made.print)
    assert again.graph(everything) == alone.graph(everything)


def test_faults_and_prints_of_other_processes_are_told_once(tmp_path: Path) -> None:
    broken = {"p5/BUILD": 'thing(nam = "x")\n', "p6/BUILD": "x = = 1\n", "p7/BUILD": 'print("seen")\n'}
    made = place(tmp_path, {**one_rule(), **MANY, **broken})
    told = []
    for jobs in (1, 2, 3):
        with pytest.raises(BuildErrors) as raised:
            loaded(made, jobs).graph([TargetPattern.parse("//...")])
        told.append((str(raised.value), made.printed))
    assert told == [told[0]] * 3
    assert told[0][1] == ["p7/BUILD:1:1: seen"]


def test_a_process_that_dies_gives_nothing() -> None:
    def die() -> bytes:
        os._exit(3)

    def fail() -> bytes:
        raise KeyboardInterrupt

    big = b"x" * 1_000_000
    assert [result() for result in (forked(lambda: big), forked(die), forked(fail))] == [big, b"", b""]
